import type { Conditions } from "./conditions.ts";
import type { HostPattern } from "./host-pattern.ts";
import type { PathPattern } from "./path-pattern.ts";

/** A route with its patterns parsed. */
export interface CompiledRoute<P> {
  readonly index: number;
  readonly name: string;
  readonly payload: P;
  /** Never empty: "any" is a pattern too. */
  readonly hosts: readonly HostPattern[];
  readonly paths: readonly PathPattern[];
  readonly methods: readonly string[];
  readonly conditions: Conditions;
  /** Beyond host and path it asks for methods at most. */
  readonly methodOnly: boolean;
  /** It asks for nothing but a function. */
  readonly functionOnly: boolean;
}
