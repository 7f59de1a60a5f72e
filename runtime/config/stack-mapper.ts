import { dirname, sep } from "node:path";

import type { SourcePlace } from "./issue.ts";
import type { Sources } from "./sources.ts";

/** Which user code an error comes from. */
export interface ErrorOrigin {
  readonly generation: number;
  readonly place: SourcePlace;
}

export interface ErrorDescription {
  /** Class and message in one line: `TypeError: x is not a function`. */
  readonly message: string;
  /** Mapped stack with its causes, without frames of Node's internals and of Gatewright. */
  readonly stack: string;
  readonly place?: SourcePlace;
  readonly frame?: string;
}

/** One compiled script whose stacks are mapped. */
export interface MappedScript {
  /** For the same code compiled from other text (an edited comment). */
  replaceSources(sources: Sources): void;
  /** No more of its frames are mapped, and its source map is let go. */
  remove(): void;
}

/** Turns stacks of compiled configs back into places in the user's files, for every generation that lives. */
export interface StackMapper {
  register(script: string, generation: number, sources: Sources): MappedScript;
  /** A stack's text with `file.ts:line:column` in place of compiled positions. */
  mapStack(text: string): string;
  /** Where user code threw or was called from when the error came up; `undefined` if no live generation's code is on the stack. */
  originOf(error: unknown): ErrorOrigin | undefined;
  describeError(error: unknown): ErrorDescription;
  /** The description as fields for a log line. */
  errorFields(error: unknown): {
    readonly error: string;
    readonly stack?: string;
    readonly at?: string;
  };
}

const SCRIPT_PREFIX = "gatewright-slot-";
const FRAME_POSITION = /gatewright-slot-\d+\.cjs:\d+:\d+/g;
const MAX_STACK_CHARS = 16_384;
const MAX_CAUSES = 4;
/** Folder of the engine's own code, sources or build. */
const OWN_CODE = dirname(import.meta.dirname) + sep;

const NO_SOURCES: Sources = {
  placeOf: () => undefined,
  frameOf: () => undefined,
  textOf: () => undefined,
};

let scripts = 0;

/** A script name that the mapper recognises, never used before in this process. */
export function nextScriptName(): string {
  scripts += 1;
  return `${SCRIPT_PREFIX}${scripts}.cjs`;
}

export function createStackMapper(): StackMapper {
  return new ScriptTable();
}

class ScriptTable implements StackMapper {
  readonly #scripts = new Map<string, { generation: number; sources: Sources }>();

  register(script: string, generation: number, sources: Sources): MappedScript {
    const entry = { generation, sources };
    this.#scripts.set(script, entry);
    return {
      replaceSources: (replacement) => {
        entry.sources = replacement;
      },
      remove: () => {
        this.#scripts.delete(script);
        // Whoever may still call these functions holds the entry.
        entry.sources = NO_SOURCES;
      },
    };
  }

  mapStack(text: string): string {
    if (!text.includes(SCRIPT_PREFIX)) return text;
    return text.replaceAll(FRAME_POSITION, (position) => {
      const place = this.#lookUp(position)?.place;
      return place === undefined ? position : `${place.file}:${place.line}:${place.column}`;
    });
  }

  originOf(error: unknown): ErrorOrigin | undefined {
    const found = this.#find(stackOf(error));
    return found && { generation: found.generation, place: found.place };
  }

  describeError(error: unknown): ErrorDescription {
    const stack = stackOf(error);
    const found = this.#find(stack);
    const frame = found?.sources.frameOf(found.place);
    return {
      message: messageOf(error),
      stack: this.#shortStack(error, stack),
      ...(found === undefined ? {} : { place: found.place }),
      ...(frame === undefined ? {} : { frame }),
    };
  }

  errorFields(error: unknown): { error: string; stack?: string; at?: string } {
    const { message, stack, place } = this.describeError(error);
    return {
      error: message,
      ...(stack === message ? {} : { stack }),
      ...(place === undefined ? {} : { at: `${place.file}:${place.line}:${place.column}` }),
    };
  }

  /** The topmost frame of user code. */
  #find(stack: string): { generation: number; place: SourcePlace; sources: Sources } | undefined {
    if (!stack.includes(SCRIPT_PREFIX)) return undefined;
    for (const [position] of stack.matchAll(FRAME_POSITION)) {
      const found = this.#lookUp(position);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #lookUp(
    position: string,
  ): { generation: number; place: SourcePlace; sources: Sources } | undefined {
    const [script = "", line, column] = position.split(":");
    const entry = this.#scripts.get(script);
    const place = entry?.sources.placeOf(Number(line), Number(column));
    if (entry === undefined || place === undefined) return undefined;
    return { generation: entry.generation, place, sources: entry.sources };
  }

  #shortStack(error: unknown, stack: string): string {
    const parts = [this.#mapLines(stack === "" ? messageOf(error) : stack)];
    let cause = causeOf(error);
    for (let depth = 0; cause !== undefined && depth < MAX_CAUSES; depth++) {
      const causeStack = stackOf(cause);
      parts.push(`caused by: ${this.#mapLines(causeStack === "" ? messageOf(cause) : causeStack)}`);
      cause = causeOf(cause);
    }
    return parts.join("\n").slice(0, MAX_STACK_CHARS);
  }

  #mapLines(stack: string): string {
    return (
      stack
        .split("\n")
        .filter((line) => !isInternalFrame(line))
        .map((line) => this.mapStack(line))
        // What is still unmapped is code that the compiler wrote.
        .filter((line) => !/^\s+at .*gatewright-slot-\d+\.cjs/.test(line))
        .join("\n")
    );
  }
}

function isInternalFrame(line: string): boolean {
  if (!/^\s+at /.test(line)) return false;
  return /[( ](?:node:|internal\/)/.test(line) || line.includes(OWN_CODE);
}

/** The stack as text, `""` if there is none. User code can throw anything, getters that throw included. */
function stackOf(error: unknown): string {
  try {
    if (typeof error !== "object" || error === null) return "";
    const { stack } = error as { stack?: unknown };
    return typeof stack === "string" ? stack.slice(0, MAX_STACK_CHARS) : "";
  } catch {
    return "";
  }
}

function causeOf(error: unknown): unknown {
  try {
    if (typeof error !== "object" || error === null) return undefined;
    return (error as { cause?: unknown }).cause;
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  try {
    if (error instanceof Error || isErrorLike(error)) {
      const name = typeof error.name === "string" && error.name !== "" ? error.name : "Error";
      return `${name}: ${error.message}`.slice(0, 2000);
    }
    if (typeof error === "string") return `Thrown text: ${JSON.stringify(error.slice(0, 1000))}`;
    return `Thrown value that is no Error: ${typeof error === "object" && error !== null ? "an object" : String(error)}`;
  } catch {
    return "Thrown value that cannot be shown";
  }
}

function isErrorLike(value: unknown): value is { name?: unknown; message: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "message" in value &&
    typeof value.message === "string"
  );
}
