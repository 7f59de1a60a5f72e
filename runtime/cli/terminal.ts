import { createInterface } from "node:readline/promises";

import { hasColor } from "../color.ts";

/** What a command prints to. Tests put their own in place. */
export interface Terminal {
  /** Results: what another program may read. */
  out(text: string): void;
  /** Complaints. */
  err(text: string): void;
  readonly outColor: boolean;
  readonly errColor: boolean;
  /** One line of somebody who sits there; `undefined` if the input has ended. Absent: nobody does. */
  ask?(question: string): Promise<string | undefined>;
}

/** How a command ends: 0 ok, 1 runtime failure, 2 bad usage or config. */
export type ExitCode = 0 | 1 | 2;

export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
  outColor: hasColor(process.stdout),
  errColor: hasColor(process.stderr),
  ...(process.stdin.isTTY && process.stdout.isTTY ? { ask } : {}),
};

async function ask(question: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const ended = new Promise<undefined>((resolve) =>
      lines.once("close", () => resolve(undefined)),
    );
    return await Promise.race([lines.question(question), ended]);
  } finally {
    lines.close();
  }
}

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

export type Paint = (style: keyof typeof CODES, text: string) => string;

/** Wraps text in colours, or leaves it as it is. */
export function createPaint(color: boolean): Paint {
  return (style, text) => {
    const [on, off] = CODES[style];
    return color ? `\u001B[${on}m${text}\u001B[${off}m` : text;
  };
}

/** Something the user has to mend: printed without a stack, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
