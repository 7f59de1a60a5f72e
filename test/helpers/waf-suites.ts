/** Public suites of attacks and honest requests, read from checkouts, as requests that an engine or a proxy can be given. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parse } from "yaml";

export interface SuiteRequest {
  readonly family: string;
  readonly id: string;
  readonly isAttack: boolean;
  readonly method: string;
  /** As it goes into the request line. */
  readonly target: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly content: Buffer | undefined;
}

export interface SuiteRow {
  attacks: number;
  stopped: number;
  honest: number;
  passed: number;
}

/** One row for each family and one of all, in per cent for {@link shareOf}. */
export class SuiteTable {
  readonly rows: Record<string, SuiteRow> = {};
  readonly all: SuiteRow = { attacks: 0, stopped: 0, honest: 0, passed: 0 };

  add({ family, isAttack }: SuiteRequest, isStopped: boolean): void {
    const row = (this.rows[family] ??= { attacks: 0, stopped: 0, honest: 0, passed: 0 });
    for (const one of [row, this.all]) {
      if (isAttack) {
        one.attacks += 1;
        one.stopped += isStopped ? 1 : 0;
      } else {
        one.honest += 1;
        one.passed += isStopped ? 0 : 1;
      }
    }
  }

  print(): void {
    // oxlint-disable-next-line no-console -- the table is what one runs this for
    console.table({ ...this.rows, all: this.all });
  }

  get stopped(): number {
    return (100 * this.all.stopped) / this.all.attacks;
  }

  get passed(): number {
    return (100 * this.all.passed) / this.all.honest;
  }
}

const CRS_FAMILIES = /^REQUEST-(930|931|932|933|934|941|942|943|944)-/;

interface CrsSuite {
  readonly rule_id: number;
  readonly tests: readonly { readonly test_id: number; readonly stages: readonly CrsStage[] }[];
}

interface CrsStage {
  readonly input: {
    readonly method?: string;
    readonly uri?: string;
    readonly headers?: Readonly<Record<string, string | number>>;
    readonly data?: string | number | null;
    readonly encoded_request?: string;
  };
  readonly output?: {
    readonly log?: { readonly expect_ids?: unknown; readonly no_expect_ids?: unknown };
  };
}

/** coreruleset's regression tests of its families of attacks on web applications, at paranoia 1. */
export function coreRuleSetRequests(folder: string): readonly SuiteRequest[] {
  const levels = paranoiaLevels(folder);
  const root = join(folder, "tests/regression/tests");
  return readdirSync(root).flatMap((name) => {
    const family = CRS_FAMILIES.exec(name)?.[1];
    if (family === undefined) return [];
    return readdirSync(join(root, name)).flatMap((file) => {
      const suite = parse(readFileSync(join(root, name, file), "utf8")) as CrsSuite;
      const isFirstLevel = (levels.get(suite.rule_id) ?? 1) === 1;
      return suite.tests.flatMap(({ test_id, stages }) =>
        stages.flatMap((stage) =>
          crsRequest(stage, family, `${suite.rule_id}-${test_id}`, isFirstLevel),
        ),
      );
    });
  });
}

function crsRequest(
  { input, output }: CrsStage,
  family: string,
  id: string,
  isFirstLevel: boolean,
): readonly SuiteRequest[] {
  const isAttack = output?.log?.expect_ids !== undefined && isFirstLevel;
  const isHonest = !isAttack && output?.log?.no_expect_ids !== undefined;
  if (input.encoded_request !== undefined || (!isAttack && !isHonest)) return [];
  const fields = Object.entries(input.headers ?? {}).map(
    ([name, value]) => [name, String(value)] as const,
  );
  const type = fields.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  let content: Buffer | undefined;
  if (input.data !== undefined && input.data !== null) {
    const text = String(input.data);
    content = Buffer.from(
      type?.startsWith("multipart") === true ? text.replace(/\r?\n/g, "\r\n") : text,
    );
    // The tests' tool says so where a test says nothing.
    if (type === undefined) fields.push(["Content-Type", "application/x-www-form-urlencoded"]);
  }
  const { method = "GET", uri: target = "/" } = input;
  return [{ family, id, isAttack, method, target, fields, content }];
}

/** By rule id; those that name none run at level 1. */
function paranoiaLevels(folder: string): ReadonlyMap<number, number> {
  const levels = new Map<number, number>();
  for (const name of readdirSync(join(folder, "rules"))) {
    if (!name.endsWith(".conf")) continue;
    const parts = readFileSync(join(folder, "rules", name), "utf8").split(/\bid:(\d{6,7}),/);
    for (let at = 1; at < parts.length; at += 2) {
      const level = /paranoia-level\/(\d)/.exec(parts[at + 1] as string)?.[1];
      levels.set(Number(parts[at]), Number(level ?? 1));
    }
  }
  return levels;
}

interface GotestwafSuite {
  readonly payload: readonly unknown[];
  readonly encoder: readonly string[];
  readonly placeholder: readonly (string | Readonly<Record<string, GotestwafPlace>>)[];
}

/** Of `RawRequest` and `GraphQL`, the two that have settings. */
interface GotestwafPlace {
  readonly method: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** gotestwaf's cases: each payload in each coding in each place. gRPC is left out. */
export function gotestwafRequests(folder: string): readonly SuiteRequest[] {
  const root = join(folder, "testcases");
  return readdirSync(root).flatMap((set) =>
    readdirSync(join(root, set)).flatMap((file) => {
      // Go's reader takes escapes that YAML does not know; they stand for what they escape.
      const text = readFileSync(join(root, set, file), "utf8").replaceAll("\\'", "'");
      const suite = parse(text) as GotestwafSuite;
      const isAttack = !set.startsWith("false-pos");
      const found: SuiteRequest[] = [];
      for (const payload of suite.payload.map(String)) {
        for (const coding of suite.encoder) {
          for (const place of suite.placeholder) {
            const made = placed(encoded(payload, coding), place);
            if (made === undefined) continue;
            found.push({ family: set, id: `${file} ${payload}`, isAttack, ...made });
          }
        }
      }
      return found;
    }),
  );
}

type Placed = Omit<SuiteRequest, "family" | "id" | "isAttack">;

function placed(text: string, place: GotestwafSuite["placeholder"][number]): Placed | undefined {
  if (typeof place !== "string") {
    const [name, settings] = Object.entries(place)[0] as [string, GotestwafPlace];
    return name === "GraphQL" ? graphql(text, settings) : raw(text, settings);
  }
  switch (place) {
    case "URLParam":
      return get(`/?a1b2c3d4=${escapedTarget(text)}`);
    case "URLPath":
      return get(`/${escapedTarget(text)}`);
    case "Header":
      return get("/", [["X-A1b2c3d4", escapedField(text)]]);
    case "UserAgent":
      return get("/", [["User-Agent", escapedField(text)]]);
    case "HTMLForm":
      return post("application/x-www-form-urlencoded", `a1b2c3d4=${text}`);
    case "HTMLMultipartForm":
      return post(
        "multipart/form-data; boundary=a1b2c3d4",
        `--a1b2c3d4\r\nContent-Disposition: form-data; name="a1b2"\r\n\r\n${text}\r\n--a1b2c3d4--\r\n`,
      );
    case "JSONRequest":
      return post("application/json", JSON.stringify({ test: true, a1b2c3d4: text }));
    case "JSONBody":
      return post("application/json", text);
    case "SOAPBody":
      return post(
        "text/xml",
        `<?xml version="1.0" encoding="utf-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header/><soapenv:Body><aba1b2>${escapedXml(text)}</aba1b2></soapenv:Body></soapenv:Envelope>`,
      );
    case "XMLBody":
      return post("application/xml", text);
    case "RequestBody":
      return post(undefined, text);
    default:
      return undefined;
  }
}

function graphql(text: string, { method }: GotestwafPlace): Placed {
  return method === "GET" ? get(`/?query=${encodeURIComponent(text)}`) : post(undefined, text);
}

function raw(
  text: string,
  { method, path = "/", headers = {}, body = "" }: GotestwafPlace,
): Placed {
  const filled = body.replaceAll("{{payload}}", text);
  return {
    method,
    target: path.replaceAll("{{payload}}", encodeURIComponent(text)),
    fields: Object.entries(headers).map(
      ([name, value]) => [name, value.replaceAll("{{payload}}", text)] as const,
    ),
    content: filled === "" ? undefined : Buffer.from(filled),
  };
}

function get(target: string, fields: SuiteRequest["fields"] = []): Placed {
  return { method: "GET", target, fields, content: undefined };
}

function post(type: string | undefined, text: string): Placed {
  return {
    method: "POST",
    target: "/",
    fields: type === undefined ? [] : [["Content-Type", type]],
    content: Buffer.from(text),
  };
}

function encoded(payload: string, coding: string): string {
  switch (coding) {
    case "Base64":
      return Buffer.from(payload).toString("base64");
    case "Base64Flat":
      return Buffer.from(payload).toString("base64").replaceAll("=", "");
    case "URL":
      return encodeURIComponent(payload);
    case "XMLEntity":
      return escapedXml(payload);
    default:
      return payload;
  }
}

function escapedXml(text: string): string {
  return text.replace(/[<>&'"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** What no client can send in a request line goes as a sequence. */
function escapedTarget(text: string): string {
  return text.replace(/[^\x21-\x7e]|#/g, (character) => encodeURIComponent(character));
}

function escapedField(text: string): string {
  return text.replace(/[^\t\x20-\x7e]/g, "");
}
