import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parseSync } from "oxc-parser";
import { check } from "recheck";

const ROOT = join(import.meta.dirname, "../../runtime/primitives/waf");
const PROVEN = join(import.meta.dirname, "../fixtures/waf/proven-patterns.txt");
const PROOF_TIMEOUT_MS = 20_000;

/** A regular expression of the WAF, and the file that it stands in. */
export interface WafPattern {
  readonly file: string;
  readonly source: string;
  readonly flags: string;
}

/** Every pattern in the sources of the WAF: those written as literals, and those that are put together when it is loaded. */
export async function wafPatterns(): Promise<readonly WafPattern[]> {
  const files = (readdirSync(ROOT, { recursive: true }) as string[]).filter((file) =>
    file.endsWith(".ts"),
  );
  const constructed = await constructedPatterns(files);
  return [...files.toSorted().flatMap(literalPatterns), ...constructed];
}

/** Names a pattern in the list of those that are proven. */
export function patternHash({ source, flags }: WafPattern): string {
  return createHash("sha256").update(`${flags}/${source}`).digest("hex").slice(0, 24);
}

/** Hashes of the patterns that recheck has proven. */
export function provenPatterns(): ReadonlySet<string> {
  return new Set(
    readFileSync(PROVEN, "utf8")
      .split("\n")
      .filter((line) => /^[0-9a-f]/.test(line)),
  );
}

export const PROVEN_FILE = PROVEN;

/**
 * What recheck says of a pattern: "safe", or why not. By automata, so that it is a proof: its other way, attacks found by
 * trying, can say "safe" of what it has not found an attack on.
 */
export async function proofOf({ source, flags }: WafPattern): Promise<string> {
  const result = await check(source, flags.replace(/[gy]/g, ""), {
    checker: "automaton",
    timeout: PROOF_TIMEOUT_MS,
  });
  if (result.status === "unknown") return `unknown: ${result.error.kind}`;
  return result.status === "safe" ? "safe" : `vulnerable: ${result.attack.pattern.slice(0, 200)}`;
}

function literalPatterns(file: string): readonly WafPattern[] {
  const found: WafPattern[] = [];
  visit(parseSync(file, readFileSync(join(ROOT, file), "utf8")).program, (literal) =>
    found.push({ file, source: literal.pattern, flags: literal.flags }),
  );
  return found;
}

function visit(
  node: unknown,
  onPattern: (literal: { readonly pattern: string; readonly flags: string }) => void,
): void {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node)) {
    for (const one of node) visit(one, onPattern);
    return;
  }
  const { type, regex } = node as {
    type?: string;
    regex?: { pattern: string; flags: string };
  };
  if (type === "Literal" && regex !== undefined && regex !== null) onPattern(regex);
  for (const child of Object.values(node)) visit(child, onPattern);
}

/** Loads the files with a constructor in place that writes down what it is given, and compiles all rules. */
async function constructedPatterns(files: readonly string[]): Promise<readonly WafPattern[]> {
  const found: WafPattern[] = [];
  const original = globalThis.RegExp;
  globalThis.RegExp = new Proxy(original, {
    construct(target, args, newTarget) {
      const pattern = Reflect.construct(target, args, newTarget) as RegExp;
      const { source, flags } = pattern;
      if (/primitives[\\/]waf[\\/]/.test(new Error().stack ?? "")) {
        found.push({ file: "put together", source, flags });
      }
      return pattern;
    },
  });
  try {
    for (const file of files) await import(join(ROOT, file));
    const { compileRules } = (await import(join(ROOT, "compile.ts"))) as {
      compileRules: (rules: readonly unknown[], paranoia: number) => unknown;
    };
    const { RULES } = (await import(join(ROOT, "rules/rules.ts"))) as {
      RULES: readonly unknown[];
    };
    compileRules(RULES, 4);
  } finally {
    globalThis.RegExp = original;
  }
  return found;
}
