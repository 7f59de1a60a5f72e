/** Where in a request a value may stand, each with what a client must do to a value there. */
import type { SuiteRequest } from "./waf-suites.ts";

type Placed = Pick<SuiteRequest, "method" | "target" | "fields" | "content">;

const FORM = "application/x-www-form-urlencoded";
const BOUNDARY = "----boundary1a2b3c";
const AGENT = [
  "User-Agent",
  "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
] as const;

/** Undefined: it cannot stand there. */
export type Place = (value: string, name?: string) => Placed | undefined;

export const PLACES = {
  query: (value, name = "q") => get(`/search?lang=en&${name}=${escapedTarget(value)}&page=1`),
  form: (value, name = "text") => post(FORM, `id=12&${name}=${escapedTarget(value)}&send=1`),
  json: (value, name = "note") =>
    post(
      "application/json",
      JSON.stringify({ id: 12, items: [{ [name]: value }, { [name]: "" }] }),
    ),
  /** Each character as `\uXXXX`. */
  jsonEscapes: (value, name = "note") =>
    post("application/json", `{"id":12,"items":[{"${name}":"${unicodeEscaped(value)}"}]}`),
  jsonKey: (value) => post("application/json", JSON.stringify({ id: 12, [value]: 1 })),
  cookie: (value, name = "prefs") =>
    get("/", [["Cookie", `lang=en; ${name}=${escapedTarget(value)}; _ga=GA1.1.8734.1712`]]),
  field: (value) => (/[\r\n]/.test(value) ? undefined : get("/", [["X-Note", value]])),
  agent: (value) => (/[\r\n]/.test(value) ? undefined : get("/", [["User-Agent", value]])),
  forwarded: (value) =>
    /[\r\n]/.test(value) ? undefined : get("/", [["X-Forwarded-For", `192.0.2.7, ${value}`]]),
  referer: (value) => get("/", [["Referer", `https://a.test/?q=${encodeURIComponent(value)}`]]),
  path: (value) => get(`/items/${escapedTarget(value.replace(/[?&]/g, encodeURIComponent))}`),
  multipart: (value, name = "text") =>
    post(
      `multipart/form-data; boundary=${BOUNDARY}`,
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n` +
        `${value}\r\n--${BOUNDARY}--\r\n`,
    ),
  xml: (value) =>
    post("application/xml", `<?xml version="1.0"?><r><a>1</a><b>${escapedXml(value)}</b></r>`),
  graphql: (value) =>
    post(
      "application/json",
      JSON.stringify({
        query: "query Find($text: String!) { find(text: $text) { id } }",
        variables: { text: value },
      }),
    ),
  /** The whole content. */
  jsonContent: (value) => post("application/json", value),
  xmlContent: (value) => post("application/xml", value),
  text: (value) => post("text/plain", value),
} satisfies Readonly<Record<string, Place>>;

export type PlaceName = keyof typeof PLACES;

function get(target: string, fields: SuiteRequest["fields"] = []): Placed {
  const isNamed = fields.some(([name]) => name === "User-Agent");
  return {
    method: "GET",
    target,
    fields: isNamed ? fields : [AGENT, ...fields],
    content: undefined,
  };
}

function post(type: string, text: string): Placed {
  return {
    method: "POST",
    target: "/things",
    fields: [AGENT, ["Content-Type", type]],
    content: Buffer.from(text),
  };
}

/** What a browser would escape; sequences that are there already stay. */
function escapedTarget(text: string): string {
  return text.replace(/%(?![\da-f]{2}|u[\da-f]{4})|[^\x21-\x7e]|["#&+;<>`{}]/giu, (character) =>
    encodeURIComponent(character),
  );
}

function unicodeEscaped(text: string): string {
  let escaped = "";
  for (let at = 0; at < text.length; at++) {
    escaped += `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

function escapedXml(text: string): string {
  return text.replace(/[<>&]/g, (character) => `&#${character.charCodeAt(0)};`);
}
