import { types } from "node:util";

import type { ConfigEnv } from "@gatewright/sdk";

import { explainShape } from "./external-view.ts";
import type { ConfigIssue, ConfigReport } from "./issue.ts";
import { PackageError } from "./package-error.ts";
import { renderValue } from "./render-value.ts";
import { Slot } from "./slot.ts";
import type { SlotOptions } from "./slot.ts";

export interface EvaluateLimits {
  /** For the code outside functions. */
  readonly topLevelMs: number;
  /** For the promise or the factory. */
  readonly settleMs: number;
}

export const EVALUATE_LIMITS: EvaluateLimits = { topLevelMs: 5000, settleMs: 30_000 };

export type EvaluateResult =
  | { readonly kind: "evaluated"; readonly slot: Slot; readonly value: unknown }
  | {
      readonly kind: "failed";
      readonly stage: ConfigReport["stage"];
      readonly issues: readonly ConfigIssue[];
    };

/** Runs compiled code in a slot of its own and gets the config out of it. A failure leaves nothing running. */
export async function evaluate(
  code: string,
  options: SlotOptions,
  env: ConfigEnv,
  limits: EvaluateLimits = EVALUATE_LIMITS,
): Promise<EvaluateResult> {
  const slot = new Slot(options);
  let limitMs = limits.topLevelMs;
  try {
    const exported = exportedConfig(slot.evaluate(code, limitMs));
    limitMs = limits.settleMs;
    if (exported.kind === "none") return discard(slot, [noDefaultIssue(exported.found)]);
    let { value } = exported;
    if (typeof value === "function") {
      value = slot.call(value as (env: ConfigEnv) => unknown, [env], limitMs);
    }
    if (isThenable(value)) value = await settled(value, limitMs);
    return { kind: "evaluated", slot, value: unwrapDefault(value) };
  } catch (error) {
    const issues = [toIssue(error, slot, options, limitMs)];
    return discard(slot, issues);
  }
}

function discard(slot: Slot, issues: readonly ConfigIssue[]): EvaluateResult {
  slot.retire();
  slot.dispose();
  return { kind: "failed", stage: "evaluate", issues };
}

type Exported =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "none"; readonly found: readonly string[] };

function exportedConfig(exports: unknown): Exported {
  if (typeof exports !== "object" || exports === null) return { kind: "value", value: exports };
  if ("default" in exports) return { kind: "value", value: unwrapDefault(exports) };
  const names = Object.keys(exports);
  // A CommonJS config is its `module.exports`; an ES module without a default export has nothing to take.
  if ("__esModule" in exports || names.length === 0) return { kind: "none", found: names };
  return { kind: "value", value: exports };
}

/** Takes off `default`s that modules put around modules, however often a compiler did it. */
function unwrapDefault(value: unknown): unknown {
  let current = value;
  for (let depth = 0; depth < 4; depth++) {
    if (typeof current !== "object" || current === null || !("default" in current)) break;
    const isModule =
      "__esModule" in current ||
      types.isModuleNamespaceObject(current) ||
      Object.keys(current).every((key) => key === "default");
    if (!isModule) break;
    current = current.default;
  }
  return current;
}

function noDefaultIssue(found: readonly string[]): ConfigIssue {
  const names = found.slice(0, 8).join(", ");
  return {
    path: "",
    message: "The file has no default export.",
    expected: "export default defineConfig({ … })",
    got: found.length === 0 ? "no exports at all" : `the exports ${names}`,
    fix: found.includes("config")
      ? "Write `export default config`."
      : 'Add `export default defineConfig({ … })` (import it from "@gatewright/sdk").',
  };
}

class SettleTimeoutError extends Error {}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    types.isPromise(value) ||
    (typeof value === "object" &&
      value !== null &&
      "then" in value &&
      typeof value.then === "function")
  );
}

/** Waits for a promise of the user's, at most `limitMs`. The timer holds the process: a promise alone would not. */
function settled(value: PromiseLike<unknown>, limitMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new SettleTimeoutError()), limitMs);
    Promise.resolve(value)
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}

function toIssue(error: unknown, slot: Slot, options: SlotOptions, limitMs: number): ConfigIssue {
  if (error instanceof SettleTimeoutError) {
    return {
      path: "",
      message: `The promise of the config did not settle within ${seconds(limitMs)}.`,
      fix: "Check what the factory awaits, and give it a time limit of its own.",
    };
  }
  if ((error as NodeJS.ErrnoException | null)?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT") {
    return {
      path: "",
      message: `The config was still busy after ${seconds(limitMs)} and was stopped.`,
      fix: "Look for an endless loop, or for slow work outside the hooks.",
    };
  }
  const { message, place, frame } = options.stackMapper.describeError(error);
  const hint = error instanceof PackageError ? error.fix : shapeHint(error, slot);
  return {
    path: "",
    message:
      error instanceof PackageError ? error.message : message.replace(/\(0 ?, ?([\w$.]+)\)/g, "$1"),
    ...(hint === undefined ? {} : { fix: hint }),
    ...(place === undefined ? {} : { place }),
    ...(frame === undefined ? {} : { frame }),
    ...(error instanceof Error || hint !== undefined ? {} : { got: renderValue(error) }),
  };
}

/** Calling a default export that is none is the usual way in which module formats go wrong: name the package. */
function shapeHint(error: unknown, slot: Slot): string | undefined {
  if (
    !(error instanceof TypeError) ||
    !/is not (?:a function|a constructor|iterable)|undefined/.test(error.message)
  ) {
    return undefined;
  }
  const hints = [...slot.shapes]
    .map(([name, shape]) => explainShape(name, shape))
    .filter((hint) => hint !== undefined);
  return hints.length === 0 ? undefined : hints.join("\n");
}

function seconds(ms: number): string {
  return ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`;
}
