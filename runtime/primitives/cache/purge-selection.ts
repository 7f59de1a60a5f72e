import type { PurgeSelection } from "@gatewright/sdk";

import { isAuthority } from "../../http/host.ts";
import { originText } from "../../http/origin.ts";

/** As many as a response may have. */
const MAX_TAGS = 64;
const MAX_TAG_LENGTH = 256;
const MAX_URL_LENGTH = 16_384;
const KINDS = ["url", "prefix", "tag", "all"] as const;

/**
 * What a hook or an operator wants purged, or a sentence that says what is wrong with it. Strict: a key that is
 * misspelt must never come to mean everything.
 */
export function toPurge(given: unknown): PurgeSelection | string {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return `a purge is an object with one of ${KINDS.join(", ")}`;
  }
  const { soft, ...rest } = given as Readonly<Record<string, unknown>>;
  if (soft !== undefined && typeof soft !== "boolean") return "soft is true or false";
  const [kind, ...others] = Object.keys(rest);
  if (kind === undefined || others.length > 0) {
    const got = kind === undefined ? "none" : [kind, ...others].join(" and ");
    return `a purge has exactly one of ${KINDS.join(", ")}, beside soft; got ${got}`;
  }
  const selected = toSelection(kind, rest[kind]);
  if (typeof selected === "string" || soft === undefined) return selected;
  return { ...selected, soft };
}

function toSelection(kind: string, value: unknown): PurgeSelection | string {
  switch (kind) {
    case "all":
      return value === true ? { all: true } : "all is true, or left out";
    case "tag":
      return toTags(value);
    case "url":
    case "prefix": {
      const url = typeof value === "string" ? purgeUrl(value) : undefined;
      if (url === undefined) return `${kind} is an absolute URL: https://HOST/PATH`;
      return kind === "url" ? { url } : { prefix: url };
    }
    default:
      return `${kind} is not one of ${KINDS.join(", ")}`;
  }
}

function toTags(value: unknown): PurgeSelection | string {
  const tags: readonly unknown[] = Array.isArray(value) ? value : [value];
  const areTags = tags.every(
    (tag) => typeof tag === "string" && tag !== "" && tag.length <= MAX_TAG_LENGTH,
  );
  if (!areTags || tags.length === 0 || tags.length > MAX_TAGS) {
    return `tag is a text of 1 to ${MAX_TAG_LENGTH} characters, or a list of at most ${MAX_TAGS}`;
  }
  return { tag: value as string | readonly string[] };
}

/**
 * Scheme and host as the store writes them, the rest byte for byte as clients ask for it. A host alone means its root:
 * as a prefix it never reaches a host that only begins with the same letters.
 */
function purgeUrl(text: string): string | undefined {
  if (text.length > MAX_URL_LENGTH) return undefined;
  const parts = /^(https?):\/\/([^/?#\s]+)([^#\s]*)(?:#.*)?$/i.exec(text);
  if (parts === null) return undefined;
  const [, scheme = "", authority = "", target = ""] = parts;
  if (!isAuthority(authority)) return undefined;
  const origin = originText(scheme.toLowerCase() as "http" | "https", authority);
  return `${origin}${target.startsWith("/") ? "" : "/"}${target}`;
}
