/** What a route does to the path before it is forwarded: prefix off, prefix on, replacement, in this order. */
import { encodePathText, normalizePath } from "../../http/path.ts";

export interface RewriteRule {
  /** Removed where it is, on a segment boundary: `/api` is in `/api` and `/api/x`, not in `/apix`. */
  readonly stripPrefix: string | undefined;
  readonly addPrefix: string | undefined;
  readonly replace: { readonly pattern: RegExp; readonly with: string } | undefined;
}

/**
 * The path to forward, from the normalised path or one that a hook assigned. Always begins with a slash, and has nothing
 * in it that a request line cannot carry: `?` and `#` that a replacement makes are encoded, since the query is not the
 * path's to change.
 */
export function applyRewrite(rule: RewriteRule, path: string): string {
  let rewritten = path;
  if (rule.stripPrefix !== undefined) rewritten = stripped(rewritten, rule.stripPrefix);
  if (rule.addPrefix !== undefined) rewritten = prefix(rule.addPrefix) + rewritten;
  const { replace } = rule;
  if (replace !== undefined) {
    const pattern = ownPattern(replace.pattern);
    // A sticky pattern would go on where the last request ended.
    pattern.lastIndex = 0;
    rewritten = encodePathText(rewritten.replace(pattern, replace.with));
  }
  return rewritten.charCodeAt(0) === 0x2f ? rewritten : `/${rewritten}`;
}

function stripped(path: string, text: string): string {
  const start = prefix(text);
  if (!path.startsWith(start)) return path;
  if (path.length === start.length) return "/";
  return path.charCodeAt(start.length) === 0x2f ? path.slice(start.length) : path;
}

/** In the one form of paths, without a slash at its end; kept, since a config has few of them. */
function prefix(text: string): string {
  let known = prefixes.get(text);
  if (known === undefined) {
    const encoded = encodePathText(`/${text.replace(/^\/+|\/+$/g, "")}`);
    const normal = normalizePath(encoded);
    known = typeof normal === "string" ? normal : encoded;
    if (known === "/") known = "";
    if (prefixes.size >= MAX_PREFIXES) prefixes.clear();
    prefixes.set(text, known);
  }
  return known;
}

/** Reloads bring new ones: bounded. */
const MAX_PREFIXES = 1_024;
const prefixes = new Map<string, string>();

/** A copy: the config's is frozen, and replacing with a global or sticky pattern writes to it. */
function ownPattern(pattern: RegExp): RegExp {
  let own = patterns.get(pattern);
  if (own === undefined) {
    own = new RegExp(pattern);
    patterns.set(pattern, own);
  }
  return own;
}

const patterns = new WeakMap<RegExp, RegExp>();
