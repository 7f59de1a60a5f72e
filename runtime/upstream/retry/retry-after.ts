import type { Clock } from "../../clock.ts";
import { fieldValue, type ReadonlyRawFields } from "../../http/raw-fields.ts";

/** Milliseconds that an answer asks to wait (RFC 9110 §10.2.3), 0 if it does not. */
export function retryAfterMs(fields: ReadonlyRawFields, clock: Clock): number {
  const value = fieldValue(fields, "retry-after");
  if (value === undefined || value.length > 40) return 0;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - clock.now());
}
