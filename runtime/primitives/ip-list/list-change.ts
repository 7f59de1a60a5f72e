import { NO_IP } from "../../http/ip-address.ts";
import { parseDuration } from "../../units.ts";
import { parseRange } from "./parse-list.ts";

/** Ranges that an operator adds to a list or takes out of it. */
export interface ListChange {
  readonly ranges: readonly string[];
  /** `undefined`: until the process ends. */
  readonly forMs: number | undefined;
}

const words = new Uint32Array(4);
const prefix = { bits: 0 };

/** What was sent, or a sentence that says what is wrong with it. Strict, and all or nothing: half a change helps nobody. */
export function toListChange(given: unknown): ListChange | string {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return "a change is an object with range, one or a list of them, and for, a time";
  }
  const { range, for: time, ...others } = given as Readonly<Record<string, unknown>>;
  const [other] = Object.keys(others);
  if (other !== undefined) return `${JSON.stringify(other)} is not one of range, for`;
  const ranges: readonly unknown[] = Array.isArray(range) ? range : [range];
  if (ranges.length === 0) return "range names nothing";
  for (const one of ranges) {
    if (typeof one !== "string" || parseRange(one, words, prefix) === NO_IP) {
      return `${JSON.stringify(one) ?? "range"} is no address and no CIDR range such as 203.0.113.0/24`;
    }
  }
  if (time === undefined) return { ranges: ranges as readonly string[], forMs: undefined };
  const forMs = parseDuration(time);
  if (forMs === undefined || forMs <= 0) return 'for is a time such as "10m"';
  return { ranges: ranges as readonly string[], forMs };
}
