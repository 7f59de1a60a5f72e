import { z } from "zod";

import { hasControl, isToken, leaf, type LeafIssue } from "./schema-leaf.ts";

/** Fields that belong to the connection (RFC 9110 §7.6.1) or to the message's framing: the proxy writes them itself. */
const OWN_FIELDS: ReadonlyMap<string, string> = new Map([
  ["connection", "It belongs to one connection and is written for each anew."],
  ["keep-alive", "It belongs to one connection and is written for each anew."],
  ["proxy-connection", "It belongs to one connection and is written for each anew."],
  ["te", "It belongs to one connection and is written for each anew."],
  ["trailer", "It follows from the message that is sent."],
  ["transfer-encoding", "It frames the message and follows from its content."],
  ["content-length", "It frames the message and follows from its content."],
  ["upgrade", "Use `upgrades` to say which protocols may be upgraded."],
  ["expect", "The proxy answers it itself."],
  ["host", 'Use the option `host` of the upstream or route: "preserve", "target" or a name.'],
]);

/** Field rules of one direction. */
const fieldRules = z.strictObject({
  set: fieldRecord().optional(),
  append: fieldRecord().optional(),
  default: fieldRecord().optional(),
  remove: z.array(leaf((name) => fieldNameIssue(name))).optional(),
});

export const headerRules = z.strictObject({
  request: fieldRules.optional(),
  response: fieldRules.optional(),
});

/** Why a name cannot be the name of a field in a rule; `undefined` if it can. */
function fieldNameIssue(name: unknown): LeafIssue | undefined {
  if (typeof name !== "string") return { message: "Wrong type.", expected: "a field name" };
  if (!isToken(name)) {
    return {
      message: "Not a field name.",
      expected: 'letters, digits and -_.!#$%&\'*+^`|~ (RFC 9110 §5.6.2), for example "x-served-by"',
    };
  }
  const own = OWN_FIELDS.get(name.toLowerCase());
  return own === undefined
    ? undefined
    : { message: `The field ${JSON.stringify(name)} cannot be changed by a rule.`, fix: own };
}

/** Why a value cannot be sent as a field value; `undefined` if it can. */
export function fieldValueIssue(value: unknown): LeafIssue | undefined {
  if (typeof value !== "string") return { message: "Wrong type.", expected: "a text" };
  // A tab is allowed within a value; CR, LF and NUL would end the field and begin another one.
  if (hasControl(value.replaceAll("\t", ""))) {
    return { message: "The value has control characters in it.", expected: "one line of text" };
  }
  if (/[\u0100-\uffff]/.test(value)) {
    return {
      message: "The value has characters that do not fit into one byte.",
      expected: "characters up to U+00FF",
      fix: "Encode it, for example with encodeURIComponent.",
    };
  }
  return undefined;
}

export function fieldRecord(): z.ZodType {
  return z
    .record(
      z.string(),
      leaf((value) => fieldValueIssue(value)),
    )
    .superRefine((fields, context) => {
      const seen = new Set<string>();
      for (const name of Object.keys(fields)) {
        const issue = fieldNameIssue(name) ?? (seen.has(name.toLowerCase()) ? TWICE : undefined);
        seen.add(name.toLowerCase());
        if (issue === undefined) continue;
        const { message, ...params } = issue;
        context.addIssue({
          code: "custom",
          message,
          params: { ...params, got: JSON.stringify(name.slice(0, 60)) },
          path: [name],
          input: name,
        });
      }
    });
}

const TWICE: LeafIssue = {
  message: "The field is there twice, in different case.",
  fix: "Keep one of them: names of fields have no case.",
};
