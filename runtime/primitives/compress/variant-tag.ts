import { splitList } from "../../http/field-syntax.ts";

/**
 * Entity tags of coded variants. A strong tag stands for exact bytes (RFC 9110 §8.8.1), and those of a compressor depend
 * on how its input was cut; so the variant of `"v1"` is the weak `W/"v1-coded"`. The mark makes the way back exact: the
 * origin gets `"v1"`, the tag that it gave, not a weak one that a comparison of texts would miss. Weak tags are shared by
 * all variants as they are.
 */
const MARK = '-coded"';

/** The tag of the variant; weak tags, and what is no tag, as they are. */
export function toVariantTag(tag: string): string {
  return isStrong(tag) ? `W/${tag.slice(0, -1)}${MARK}` : tag;
}

/** True if the list names a variant of ours. */
export function hasVariantTag(list: string): boolean {
  return list.includes(MARK);
}

/** An If-None-Match or If-Match for the origin: each tag of ours is the one that it was made from. */
export function toOriginTags(list: string): string {
  const tags = splitList(list).map((tag) =>
    tag.startsWith('W/"') && tag.endsWith(MARK) ? `${tag.slice(2, -MARK.length)}"` : tag,
  );
  return [...new Set(tags)].join(", ");
}

/** The tag of a 304: as in what the client has stored, which is what it asked with. */
export function notModifiedTag(tag: string, ifNoneMatch: string): string {
  const variant = toVariantTag(tag);
  if (variant === tag) return tag;
  const asked = splitList(ifNoneMatch);
  return asked.includes(variant) && !asked.includes(tag) ? variant : tag;
}

function isStrong(tag: string): boolean {
  return tag.length >= 2 && tag.startsWith('"') && tag.endsWith('"');
}
