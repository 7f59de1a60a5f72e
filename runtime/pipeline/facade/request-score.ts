import type { Score, ScoreEntry } from "@gatewright/sdk";

import { hookTypeError } from "./field-error.ts";

/** Entries kept for one request; later ones count in the total only. A loop in a hook must not fill the memory. */
const MAX_ENTRIES = 256;
/** Of the access record. */
const MAX_RULES = 16;

/** Suspicion collected for one request. */
export class RequestScore implements Score {
  readonly #entries: ScoreEntry[] = [];
  #total = 0;

  get total(): number {
    return this.#total;
  }

  get entries(): readonly ScoreEntry[] {
    return this.#entries;
  }

  /** Names of the rules that added, each once; `undefined`: none did. */
  get rules(): readonly string[] | undefined {
    const names = new Set<string>();
    for (const { rule } of this.#entries) {
      if (rule !== undefined && names.size < MAX_RULES) names.add(rule);
    }
    return names.size === 0 ? undefined : [...names];
  }

  /** Points may be negative: a hook may know why something is harmless. */
  add(points: number, reason: string, rule?: string): void {
    if (typeof points !== "number" || !Number.isFinite(points)) {
      throw hookTypeError("PROXY_HOOK_DECISION", "score.add needs a finite number of points");
    }
    if (typeof reason !== "string" || reason === "") {
      throw hookTypeError("PROXY_HOOK_DECISION", "score.add needs a reason");
    }
    this.#total += points;
    if (this.#entries.length >= MAX_ENTRIES) return;
    this.#entries.push(rule === undefined ? { points, reason } : { points, reason, rule });
  }
}
