import { validatingFields } from "../../http/conditional.ts";
import type { RawFields } from "../../http/raw-fields.ts";
import type { CacheUse } from "./cache-use.ts";

/** Step 11 for the store: what is stale asks whether it has changed (RFC 9111 §4.3.1). In place. */
export function addValidators(use: CacheUse, fields: RawFields): void {
  const { stored } = use;
  if (stored === undefined) return;
  const kept: string[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const lower = (fields[at] as string).toLowerCase();
    if (CONDITIONS.has(lower)) continue;
    kept.push(fields[at] as string, fields[at + 1] as string);
  }
  kept.push(...validatingFields(stored.fields));
  fields.splice(0, fields.length, ...kept);
}

const CONDITIONS = new Set([
  "if-none-match",
  "if-modified-since",
  "if-match",
  "if-unmodified-since",
  "if-range",
]);

/** The client asks only for what has changed, or only where nothing has. */
export function isConditional(fields: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at += 2)
    if (CONDITIONS.has((fields[at] as string).toLowerCase())) return true;
  return false;
}
