/**
 * Attacks and honest traffic of our own, as requests: each attack in the places and codings in which an application
 * would still understand it, each honest value where such values are sent, and whole honest requests.
 */
import { fixtureTexts, type FixtureText } from "./fixture-texts.ts";
import { honestTexts } from "./honest-texts.ts";
import { PLACES, type PlaceName } from "./waf-places.ts";
import type { SuiteRequest } from "./waf-suites.ts";

interface Family {
  readonly places: readonly PlaceName[];
  readonly codings: readonly CodingName[];
  /** What the value is called. */
  readonly name?: string;
}

const VALUES = ["query", "form", "json", "multipart"] as const;
const ANYWHERE = [...VALUES, "cookie", "field"] as const;
const ESCAPES = ["percent", "twice", "unicode", "base64"] as const;

const FAMILIES: Readonly<Record<string, Family>> = {
  "sqli.lines": {
    places: [...ANYWHERE, "path", "xml"],
    codings: [...ESCAPES, "case", "comments", "lines", "fullWidth"],
  },
  "xss.lines": {
    places: [...VALUES, "cookie", "referer", "path", "xml"],
    codings: [...ESCAPES, "entities", "fullWidth"],
  },
  "path.lines": { places: [...ANYWHERE, "agent"], codings: ESCAPES, name: "file" },
  "unix-command.lines": { places: [...ANYWHERE, "agent"], codings: ESCAPES },
  "windows-command.lines": { places: ANYWHERE, codings: [...ESCAPES, "case"] },
  "template.lines": { places: [...ANYWHERE, "agent", "path"], codings: ESCAPES },
  "code.lines": { places: ANYWHERE, codings: ESCAPES },
  "ssrf.lines": { places: [...VALUES, "xml"], codings: ESCAPES, name: "url" },
  "query.lines": { places: [...VALUES, "cookie"], codings: ESCAPES },
  "xxe.texts": { places: ["xmlContent", ...VALUES], codings: ESCAPES },
  "header.texts": { places: VALUES, codings: ["percent", "unicode"] },
};

const CODINGS = {
  percent: (text) => bytesOf(text, (byte) => `%${byte}`),
  twice: (text) => bytesOf(text, (byte) => `%25${byte}`),
  unicode: (text) =>
    Array.from(text, (character) =>
      /[\w]/.test(character)
        ? character
        : `%u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ).join(""),
  base64: (text) => (text.length < 12 ? undefined : Buffer.from(text).toString("base64")),
  entities: (text) => text.replace(/[^\w ]/g, (character) => `&#${character.charCodeAt(0)};`),
  case: (text) =>
    /['"][^'"]*[a-z]{2}[^'"]*['"]/.test(text)
      ? undefined
      : Array.from(text, (character, at) =>
          at % 2 === 0 ? character.toUpperCase() : character.toLowerCase(),
        ).join(""),
  // Whoever asks for a quote's own space has none to give.
  comments: (text) => (/--|waitfor/.test(text) ? undefined : text.replaceAll(" ", "/**/")),
  lines: (text) => (text.includes("--") ? undefined : text.replaceAll(" ", "\n")),
  fullWidth: (text) =>
    text.replace(/['"<>]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0)),
} satisfies Readonly<Record<string, (text: string) => string | undefined>>;

type CodingName = keyof typeof CODINGS;

/** Percent-encoding belongs to these places; in others few applications would take it off again. */
const ESCAPED_PLACES: ReadonlySet<PlaceName> = new Set(["query", "form", "cookie", "path"]);

/** `isFull`: all there are; else each attack plain in every place, and in one coding that changes from place to place. */
export function attackRequests(isFull: boolean): readonly SuiteRequest[] {
  let turn = 0;
  return fixtureTexts("attacks").flatMap(({ file, text }) => {
    const family = FAMILIES[file] as Family;
    const isEscaped = /%[\da-f]{2}|%u[\da-f]{4}/i.test(text);
    return family.places.flatMap((place) => {
      const possible = family.codings.filter(
        (coding) =>
          !isEscaped &&
          // Few look for base64 inside a URL that they log.
          !(coding === "base64" && (place === "referer" || /^[\w+/]{40,}=*$/.test(text))) &&
          (ESCAPED_PLACES.has(place) || !["percent", "twice", "unicode"].includes(coding)),
      );
      turn += 1;
      const codings = isFull ? possible : possible.slice(turn % possible.length).slice(0, 1);
      return [undefined, ...codings].flatMap((coding) => {
        const value = coding === undefined ? text : CODINGS[coding](text);
        if (value === undefined || (coding !== undefined && value === text)) return [];
        const escapes = place === "json" && turn % 3 === 0 ? "jsonEscapes" : place;
        return attackAt({ file, text: value }, escapes, family.name, coding ?? "plain");
      });
    });
  });
}

function attackAt(
  { file, text }: FixtureText,
  place: PlaceName,
  name: string | undefined,
  coding: string,
): SuiteRequest[] {
  // What is JSON itself is a value of its own there.
  const isJson = place === "json" && /^[{[]["{]/.test(text) && isJsonText(text);
  const placed = PLACES[isJson ? "jsonContent" : place](text, name);
  if (placed === undefined) return [];
  const family = file.slice(0, file.indexOf("."));
  return [{ ...placed, family, id: `${place} ${coding} ${text}`, isAttack: true }];
}

const TEXT_PLACES = ["form", "json", "multipart"] as const;
const LINE_PLACES = ["query", "form", "json", "cookie", "multipart"] as const;

const HONEST_PLACES: Readonly<Record<string, readonly PlaceName[]>> = {
  "json.texts": ["jsonContent", "form"],
  "agents.lines": ["agent", "json", "field"],
  "clients.lines": ["agent", "json", "field"],
};

/** Every honest value in its places, and every whole request. */
export function honestRequests(): readonly SuiteRequest[] {
  const values = honestTexts().flatMap(({ file, text }) => {
    const usual = file.endsWith(".lines") ? LINE_PLACES : TEXT_PLACES;
    const requests = (HONEST_PLACES[file] ?? usual).map((place) =>
      honestAt(file, place, text, PLACES[place](escapedHonest(place, text))),
    );
    if (/^\/(?!\/)/.test(text) && /^(?:urls|links)/.test(file)) {
      requests.push(honestAt(file, "target", text, { ...BARE, target: targetOf(text) }));
    }
    if (/^https?:/.test(text)) {
      const fields = [...BARE.fields, ["Referer", targetOf(text)] as const];
      requests.push(honestAt(file, "referer", text, { ...BARE, fields }));
    }
    return requests;
  });
  return [...values.filter((request) => request !== undefined), ...wholeRequests()];
}

const BARE = PLACES.query("shoes");

function honestAt(
  family: string,
  place: string,
  text: string,
  placed: ReturnType<(typeof PLACES)[PlaceName]>,
): SuiteRequest | undefined {
  return placed && { ...placed, family, id: `${place} ${text}`, isAttack: false };
}

/** A client's own functions escape whatever is in a value, percent signs too. */
function escapedHonest(place: PlaceName, text: string): string {
  return ESCAPED_PLACES.has(place) ? encodeURIComponent(text) : text;
}

function targetOf(url: string): string {
  return url.replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
}

function wholeRequests(): readonly SuiteRequest[] {
  return fixtureTexts("honest-requests").map(({ file, text }) => ({
    ...wholeRequest(text),
    family: file,
    id: text.slice(0, text.indexOf("\n")),
    isAttack: false,
  }));
}

/** A request as it is written: its line, its fields, an empty line and its content. */
export function wholeRequest(
  text: string,
): Pick<SuiteRequest, "method" | "target" | "fields" | "content"> {
  const end = text.indexOf("\n\n");
  const [first = "", ...lines] = (end === -1 ? text : text.slice(0, end)).split("\n");
  const [method = "", target = ""] = first.split(" ");
  const fields = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const isMultipart = lines.some((line) => line.includes("multipart/form-data"));
  const content = end === -1 ? undefined : text.slice(end + 2);
  return {
    method,
    target,
    fields,
    content:
      content === undefined
        ? undefined
        : Buffer.from(isMultipart ? `${content.replaceAll("\n", "\r\n")}\r\n` : content),
  };
}

function bytesOf(text: string, write: (hex: string) => string): string {
  let written = "";
  for (const byte of Buffer.from(text)) written += write(byte.toString(16).padStart(2, "0"));
  return written;
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
