import type { WafFinding } from "@gatewright/sdk";

/** What a detector saw: which sign of an attack, and where in the inspected value. */
export type Finding = WafFinding;

/** The first of these patterns that occurs. A pattern is cut into several where its proof would take too long. */
export function sign(
  value: string,
  patterns: RegExp | readonly RegExp[],
  name: string,
): Finding | undefined {
  if (patterns instanceof RegExp) {
    const match = patterns.exec(value);
    return match === null
      ? undefined
      : { sign: name, start: match.index, end: match.index + match[0].length };
  }
  for (const pattern of patterns) {
    const match = pattern.exec(value);
    if (match !== null)
      return { sign: name, start: match.index, end: match.index + match[0].length };
  }
  return undefined;
}
