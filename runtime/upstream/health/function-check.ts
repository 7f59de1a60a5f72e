import { targetAddress } from "../target.ts";
import type { FunctionCheckRule } from "./health-rules.ts";
import type { Probe } from "./probe.ts";

/** Asks a function of the config. */
export function createFunctionProbe({ check }: FunctionCheckRule): Probe {
  return async ({ key, target }, signal) => {
    const { scheme, hostname, port } = target;
    const address = targetAddress(target);
    let answer: unknown;
    try {
      answer = await check(Object.freeze({ key, scheme, hostname, port, address }), signal);
    } catch (error) {
      return `the check threw ${String(error)}`;
    }
    if (answer === true) return undefined;
    return answer === false ? "the check says no" : "the check returned neither true nor false";
  };
}
