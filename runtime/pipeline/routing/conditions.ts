/**
 * What a route asks for beyond host and path: method, fields, query, a function. Each condition knows in advance what to
 * say when it does not hold, so that `explain` and the hot path run the same code.
 */
import type { ProxyRequest } from "@gatewright/sdk";

import { ProxyError } from "../../errors.ts";
import { isNamed, type ReadonlyRawFields } from "../../http/raw-fields.ts";

/** A value, a pattern, or `true`: there is one. */
export type ValueTest = string | RegExp | true;

export interface ConditionsInput {
  /** Empty: any. Compared exactly (RFC 9110 §9.1: methods are case-sensitive). */
  readonly methods: readonly string[];
  /** Holds if any of the field's lines does. */
  readonly fields: readonly (readonly [lowerName: string, value: ValueTest])[];
  /** Holds if any of the parameter's values does, after form decoding. */
  readonly query: readonly (readonly [name: string, value: ValueTest])[];
  readonly when: ((request: ProxyRequest) => boolean) | undefined;
}

/** One request, as conditions look at it. What costs is made when first asked for. */
export class Subject {
  readonly method: string;
  readonly fields: ReadonlyRawFields;
  readonly request: () => ProxyRequest;
  readonly #search: string;
  #query: URLSearchParams | undefined = undefined;

  constructor(
    method: string,
    fields: ReadonlyRawFields,
    search: string,
    request: () => ProxyRequest,
  ) {
    this.method = method;
    this.fields = fields;
    this.request = request;
    this.#search = search;
  }

  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(this.#search));
  }
}

interface Condition {
  holds(subject: Subject): boolean;
  /** Why a route was passed over. */
  readonly unmet: string;
}

export type Conditions = readonly Condition[];

const NONE: Conditions = Object.freeze([]);

/** In the order of their cost. `route` names the route in errors. */
export function compileConditions(input: ConditionsInput, route: string): Conditions {
  const conditions: Condition[] = [];
  if (input.methods.length > 0) conditions.push(methodCondition(input.methods));
  for (const [name, value] of input.fields) conditions.push(fieldCondition(name, value));
  for (const [name, value] of input.query) conditions.push(queryCondition(name, value));
  if (input.when !== undefined) conditions.push(whenCondition(input.when, route));
  return conditions.length === 0 ? NONE : conditions;
}

/** Why the conditions do not hold, or `undefined` if they do. */
export function firstUnmet(conditions: Conditions, subject: Subject): string | undefined {
  for (const condition of conditions) if (!condition.holds(subject)) return condition.unmet;
  return undefined;
}

function methodCondition(methods: readonly string[]): Condition {
  const only = methods.length === 1 ? methods[0] : undefined;
  return {
    holds: ({ method }) => (only === undefined ? methods.includes(method) : method === only),
    unmet: `the method is not ${methods.join(" or ")}`,
  };
}

function fieldCondition(lower: string, value: ValueTest): Condition {
  const test = valueTest(value);
  return {
    holds: ({ fields }) => {
      for (let at = 0; at < fields.length; at += 2) {
        if (isNamed(fields[at] as string, lower) && test(fields[at + 1] as string)) return true;
      }
      return false;
    },
    unmet: `the field "${lower}" ${unmetText(value)}`,
  };
}

function queryCondition(name: string, value: ValueTest): Condition {
  const test = valueTest(value);
  return {
    holds: ({ query }) => query.getAll(name).some(test),
    unmet: `the query parameter "${name}" ${unmetText(value)}`,
  };
}

function valueTest(value: ValueTest): (text: string) => boolean {
  if (value === true) return () => true;
  if (typeof value === "string") return (text) => text === value;
  // A global or sticky pattern remembers where it stopped: every other request would match.
  const pattern = new RegExp(value.source, value.flags.replace(/[gy]/g, ""));
  return (text) => pattern.test(text);
}

function unmetText(value: ValueTest): string {
  if (value === true) return "is not there";
  return typeof value === "string"
    ? `is not ${JSON.stringify(value)}`
    : `does not match ${String(value)}`;
}

function whenCondition(when: (request: ProxyRequest) => unknown, route: string): Condition {
  return {
    holds: (subject) => {
      let result: unknown;
      try {
        result = when(subject.request());
      } catch (cause) {
        throw new ProxyError("PROXY_HOOK_FAILED", {
          cause,
          message: `match.when of route ${route} failed`,
        });
      }
      // A promise is true whatever it resolves to: an async check would let everything through.
      if (typeof result === "object" && result !== null && "then" in result) {
        (result as Promise<unknown>).then(undefined, () => undefined);
        throw new ProxyError("PROXY_HOOK_DECISION", {
          message: `match.when of route ${route} returned a promise: it must be synchronous`,
        });
      }
      return Boolean(result);
    },
    unmet: "its function says no",
  };
}
