import { createFunctionProbe } from "./function-check.ts";
import type { CheckRule } from "./health-rules.ts";
import { createHttpProbe } from "./http-check.ts";
import type { Probe, ProbeTerms } from "./probe.ts";
import { createTcpProbe } from "./tcp-check.ts";

export function createProbe(rule: CheckRule, terms: ProbeTerms): Probe {
  switch (rule.type) {
    case "tcp":
      return createTcpProbe(terms);
    case "http":
      return createHttpProbe(rule, terms);
    case "function":
      return createFunctionProbe(rule);
  }
}
