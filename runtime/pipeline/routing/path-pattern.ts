/**
 * Path patterns: `/a` (that path; not `/a/`), `/users/:id` (one segment, not empty), `/api/*` (`/api`, `/api/` and
 * everything below; only at the end). Written text goes through the same rule as request paths, so `/münchen` and
 * `/m%c3%bcnchen` are one pattern.
 *
 * Parameters are pieces of the normalised path: what is not an unreserved character stays percent-encoded, so that a
 * `%2F` in one is never taken for a separator.
 */
import { encodePathText, normalizePath } from "../../http/path.ts";

export type PatternSegment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "param"; readonly name: string };

export interface PathPattern {
  /** In its one form, for messages. */
  readonly text: string;
  /** A final slash is an empty literal. */
  readonly segments: readonly PatternSegment[];
  /** Ends in `*`: matches what `segments` match and everything below it. */
  readonly open: boolean;
}

export type PathParams = Readonly<Record<string, string>>;

export const NO_PARAMS: PathParams = Object.freeze({});

export const ANY_PATH: PathPattern = Object.freeze({ text: "/*", segments: [], open: true });

/** Throws a `TypeError` that says what is wrong. */
export function parsePathPattern(text: string): PathPattern {
  if (text === "*") return ANY_PATH;
  const normal = normalizePath(encodePathText(text));
  if (typeof normal !== "string") {
    throw new TypeError(`"${text}" is no path pattern: ${normal.message}`);
  }
  const parts = normal.slice(1).split("/");
  const open = parts.at(-1) === "*";
  if (open) parts.pop();
  const names = new Set<string>();
  const segments = parts.map((part): PatternSegment => {
    if (part.startsWith(":")) {
      const name = part.slice(1);
      if (!PARAM_NAME.test(name) || names.has(name)) {
        throw new TypeError(
          `"${text}" is no path pattern: ":${name}" needs a name of letters, digits and "_" that is used once`,
        );
      }
      names.add(name);
      return { kind: "param", name };
    }
    if (part.includes("*")) {
      throw new TypeError(`"${text}" is no path pattern: "*" can only be the last segment`);
    }
    return { kind: "literal", text: part };
  });
  return { text: normal, segments, open };
}

/** Not `__proto__`, which would be no property of the result. */
const PARAM_NAME = /^(?!__proto__$)[A-Za-z_][A-Za-z0-9_]*$/;

/** What the pattern's parameters stand for in a path that it matches; `*` is the rest after the last segment named. */
export function pathParams(pattern: PathPattern, path: string): PathParams {
  const { segments, open } = pattern;
  let params: Record<string, string> | undefined;
  let start = 1;
  for (const segment of segments) {
    const slash = path.indexOf("/", start);
    const end = slash === -1 ? path.length : slash;
    if (segment.kind === "param") {
      params ??= {};
      params[segment.name] = path.slice(start, end);
    }
    start = end + 1;
  }
  if (open) {
    params ??= {};
    params["*"] = path.slice(start);
  }
  return params ?? NO_PARAMS;
}

/** Whether every path that `inner` matches is matched by `outer` too. May say no where it is so, never yes where it is not. */
export function pathCovers(outer: PathPattern, inner: PathPattern): boolean {
  const { segments } = outer;
  if (outer.open ? inner.segments.length < segments.length : inner.open) return false;
  if (!outer.open && inner.segments.length !== segments.length) return false;
  return segments.every((segment, at) => {
    const other = inner.segments[at] as PatternSegment;
    if (segment.kind === "literal") return other.kind === "literal" && other.text === segment.text;
    return other.kind === "param" || other.text !== "";
  });
}
