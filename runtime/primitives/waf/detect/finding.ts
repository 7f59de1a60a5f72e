import type { WafFinding } from "@gatewright/sdk";

/** What a detector saw: which sign of an attack, and where in the inspected value. */
export type Finding = WafFinding;
