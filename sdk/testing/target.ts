import { fieldError } from "./hook-error.ts";

const UNRESERVED = /[A-Za-z0-9\-._~]/;
const ENCODER = new TextEncoder();

/**
 * The path as hooks see it: unreserved characters decoded, hex in capitals, empty segments merged, `;parameters` cut.
 * Throws for one that no hook ever sees, because it is answered 400. The runtime refuses a few more.
 */
export function normalPath(rawPath: string): string {
  const refuse = (what: string): TypeError =>
    new TypeError(`${JSON.stringify(rawPath)} ${what}: it is answered 400 before any hook runs`);
  if (!rawPath.startsWith("/")) throw refuse("does not begin with a slash");
  if (rawPath.includes("\\")) throw refuse("has a backslash");
  if (/%(?![0-9A-Fa-f]{2})/.test(rawPath)) throw refuse("has an invalid percent-encoding");
  const segments = rawPath.split("/").slice(1);
  const kept: string[] = [];
  for (const segment of segments) {
    const text = normalSegment(segment.split(";", 1)[0] as string);
    if (/^\.{1,2}$/.test(text)) throw refuse("has a dot segment");
    if (text === "" && segment !== "") throw refuse("has a segment of parameters only");
    if (text !== "") kept.push(text);
  }
  const path = kept.map((segment) => `/${segment}`).join("");
  return path === "" || rawPath.endsWith("/") ? `${path}/` : path;
}

function normalSegment(segment: string): string {
  return encode(segment, /[A-Za-z0-9\-._~!$&'()*+,=:@]/).replace(/%([0-9A-F]{2})/g, (escape) => {
    const char = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return UNRESERVED.test(char) ? char : escape;
  });
}

/** What hooks may assign to `request.path`. */
export function pathText(path: string): string {
  if (typeof path !== "string" || !path.startsWith("/")) {
    throw fieldError('request.path needs a string that begins with "/"');
  }
  return keepEscapes(path, /[A-Za-z0-9!$&'()*+,\-./:;=@_~]/);
}

/** What hooks may assign to `request.search`. */
export function searchText(search: string): string {
  if (typeof search !== "string") throw fieldError("request.search needs a string");
  if (search === "") return "";
  return `?${keepEscapes(search.replace(/^\?/, ""), /[A-Za-z0-9!$&'()*+,\-./:;=@_~?]/)}`;
}

/** A Location that stays on this host unless it is an absolute http(s) URL; `undefined`: none. */
export function safeLocation(text: string): string | undefined {
  if (text === "") return undefined;
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return percent(text.replace(/^[/\\]+/, "/"), LOCATION);
  const rest = text.slice(scheme.length + 1);
  if ((scheme !== "http" && scheme !== "https") || !rest.startsWith("//")) return undefined;
  const authority = rest.slice(2).split(/[/?#]/, 1)[0] as string;
  const url = URL.parse(`${scheme}://${authority}`);
  if (url === null || url.hostname === "" || authority.includes("@")) return undefined;
  // As written where it is plain; a name of other letters in its ASCII form.
  const host = /^[\w.\-:[\]]+$/.test(authority) ? authority : url.host;
  return `${scheme}://${host}${percent(rest.slice(2 + authority.length), LOCATION)}`;
}

const LOCATION = /[!#$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~]/;

/** Escapes stay, in capitals; other characters that are not allowed are encoded. */
function encode(text: string, allowed: RegExp): string {
  return text.replace(/%[0-9A-Fa-f]{2}|./gsu, (part) =>
    part.length === 3 && part.startsWith("%") ? part.toUpperCase() : percent(part, allowed),
  );
}

/** Escapes stay as they are. */
function keepEscapes(text: string, allowed: RegExp): string {
  return text.replace(/%[0-9A-Fa-f]{2}|./gsu, (part) =>
    part.length === 3 && part.startsWith("%") ? part : percent(part, allowed),
  );
}

function percent(text: string, allowed: RegExp): string {
  let result = "";
  for (const char of text) {
    if (allowed.test(char)) {
      result += char;
      continue;
    }
    for (const byte of ENCODER.encode(char)) {
      result += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    }
  }
  return result;
}
