import type { BodyInput } from "@gatewright/sdk";

import type { ContentSource } from "../../http/content.ts";
import { hasField } from "../../http/raw-fields.ts";
import { DIGEST_FIELDS } from "../../http/digest-fields.ts";
import { dropStale } from "../transform/transformed-fields.ts";
import { toContent } from "./body-input.ts";
import type { FieldOwner } from "./request-state.ts";

/** Fields that describe the bytes of the content that was: wrong for any other. */
const REPLACED_STALE: ReadonlySet<string> = new Set([
  "content-length",
  "content-encoding",
  "transfer-encoding",
  "trailer",
  "accept-ranges",
  "content-range",
  ...DIGEST_FIELDS,
]);

/**
 * A hook's content in the place of a message's own; the fields are brought in line with it. The ETag is kept, weak: a
 * content that was edited as a whole can be validated like one that was edited in passing. `declaresLength` is false
 * where a response has no content by its status (RFC 9110 §8.6).
 */
export function replaceContent(
  owner: FieldOwner,
  body: BodyInput,
  declaresLength: boolean,
): ContentSource | undefined {
  const added: string[] = [];
  // First, because it throws for what is no content: nothing may have changed then.
  const content = toContent(body, added);
  const fields = owner.ownFields();
  dropStale(fields, REPLACED_STALE);
  if (!declaresLength) return content;
  const length = content === undefined ? 0 : content.length;
  if (length !== undefined) fields.push("Content-Length", String(length));
  if (added.length > 0 && !hasField(fields, "content-type")) fields.push(...added);
  return content;
}
