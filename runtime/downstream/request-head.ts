/**
 * What must hold of a request's head before anyone else may see it. node's parser refuses broken framing by itself;
 * here is what it lets through and a second parser could read differently.
 *
 * Implements RFC 9112 §2.3 (version), §3.2 (request-target, Host), §6.1 (Transfer-Encoding) and RFC 9110 §10.1.1
 * (Expect). Not here: path normalisation, which is the pipeline's.
 */
import type { ErrorCode } from "../errors.ts";
import type { ReadonlyRawFields } from "../http/raw-fields.ts";

/** What a head says, as far as the connection needs to know it. Filled by `readHead`, one after the other: copy what must last. */
export interface HeadFacts {
  target: string;
  authority: string;
  /** Declared length; -1 if there is none. */
  contentLength: number;
  chunked: boolean;
  expectsContinue: boolean;
}

export function createHeadFacts(): HeadFacts {
  return { target: "", authority: "", contentLength: -1, chunked: false, expectsContinue: false };
}

/** Reads and checks a head. `undefined`: it may be served, and `facts` holds what it says. */
export function readHead(
  method: string,
  rawTarget: string,
  versionMajor: number,
  versionMinor: number,
  fields: ReadonlyRawFields,
  maxTargetBytes: number,
  facts: HeadFacts,
): ErrorCode | undefined {
  if (versionMajor !== 1 || versionMinor > 1) {
    // HTTP/0.9 has no head at all; what follows such a line would be read as a request of its own.
    return versionMajor === 0 ? "PROXY_REQUEST_MALFORMED" : "PROXY_REQUEST_VERSION";
  }
  if (rawTarget.length > maxTargetBytes) return "PROXY_REQUEST_TARGET_TOO_LONG";

  let host: string | undefined;
  let hosts = 0;
  let codings = 0;
  facts.contentLength = -1;
  facts.chunked = false;
  facts.expectsContinue = false;
  let unknownExpectation = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    switch (name.length) {
      case 4:
        if (name === "Host" || name === "host" || name.toLowerCase() === "host") {
          host = fields[i + 1] as string;
          hosts += 1;
        }
        break;
      case 6:
        // RFC 9110 §10.1.1: an HTTP/1.0 client does not wait for 100, whatever it says.
        if (versionMinor === 1 && name.toLowerCase() === "expect") {
          if ((fields[i + 1] as string).toLowerCase() === "100-continue")
            facts.expectsContinue = true;
          else unknownExpectation = true;
        }
        break;
      case 14:
        if (name.toLowerCase() === "content-length") facts.contentLength = Number(fields[i + 1]);
        break;
      case 17:
        if (name.toLowerCase() === "transfer-encoding") {
          codings += 1;
          facts.chunked = (fields[i + 1] as string).toLowerCase() === "chunked";
        }
        break;
    }
  }

  // RFC 9112 §6.1: a coding that we would have to take off first, or two lines that others may join or not.
  if (codings > 1 || (codings === 1 && !facts.chunked)) return "PROXY_REQUEST_TRANSFER_ENCODING";
  // RFC 9112 §3.2: two Hosts would route by one and be acted on by the other.
  if (hosts > 1 || (hosts === 0 && versionMinor === 1)) return "PROXY_REQUEST_HOST";
  if (host !== undefined && !isHost(host)) return "PROXY_REQUEST_HOST";
  if (method === "CONNECT") return "PROXY_REQUEST_METHOD";
  if (unknownExpectation) return "PROXY_REQUEST_EXPECTATION";
  facts.authority = host ?? "";
  return readTarget(method, rawTarget, facts);
}

function readTarget(method: string, raw: string, facts: HeadFacts): ErrorCode | undefined {
  // RFC 9112 §3.2: a fragment is never sent; some parsers cut there and some do not.
  if (raw.includes("#")) return "PROXY_REQUEST_TARGET";
  if (raw.charCodeAt(0) === 0x2f) {
    facts.target = raw;
    return undefined;
  }
  if (raw === "*") {
    facts.target = raw;
    return method === "OPTIONS" ? undefined : "PROXY_REQUEST_TARGET";
  }
  return readAbsolute(method, raw, facts);
}

/** RFC 9112 §3.2.2: absolute-form; its authority takes the place of Host. */
function readAbsolute(method: string, raw: string, facts: HeadFacts): ErrorCode | undefined {
  const schemeEnd = raw.indexOf("://");
  const scheme = schemeEnd > 0 ? raw.slice(0, schemeEnd).toLowerCase() : "";
  if (scheme !== "http" && scheme !== "https") return "PROXY_REQUEST_TARGET";
  const start = schemeEnd + 3;
  let end = start;
  while (end < raw.length && raw[end] !== "/" && raw[end] !== "?") end += 1;
  const authority = raw.slice(start, end);
  if (!isHost(authority)) return "PROXY_REQUEST_TARGET";
  facts.authority = authority;
  const rest = raw.slice(end);
  if (rest === "") facts.target = method === "OPTIONS" ? "*" : "/";
  else facts.target = rest.startsWith("?") ? `/${rest}` : rest;
  return undefined;
}

function isHost(text: string): boolean {
  return /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.test(text);
}
