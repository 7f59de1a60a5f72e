/**
 * What must hold of a request's head before anyone else may see it. node's parser refuses broken syntax by itself; here
 * is what it lets through and a second parser could read differently.
 *
 * Puts together RFC 9112 §2.3 (version), §3.2 (request-target, Host), §6 (framing) and RFC 9110 §10.1.1 (Expect). Not
 * here: what the path means, which is the pipeline's.
 */
import { isAuthority } from "../http/host.ts";
import { isNamed } from "../http/raw-fields.ts";
import type { Refusal } from "../http/refusal.ts";
import { parseRequestTarget } from "../http/request-target.ts";
import type { Http1Request } from "./http1-request.ts";
import type { ListenerLimits } from "./limits.ts";

/** What a head says, as far as the connection needs to know it. Filled anew for each request: copy what must last. */
export interface HeadFacts {
  target: string;
  authority: string;
  hasContent: boolean;
  /** Declared length of the content, if there is one. */
  length: number | undefined;
  expectsContinue: boolean;
}

export function createHeadFacts(): HeadFacts {
  return {
    target: "",
    authority: "",
    hasContent: false,
    length: undefined,
    expectsContinue: false,
  };
}

/** What surrounds method and target in a request line, with the empty line at the end of the head. */
const LINE_BYTES = "  HTTP/1.1\r\n\r\n".length;
/** What surrounds name and value in a field line. */
const FIELD_BYTES = ": \r\n".length;

/** Reads and checks a head. `undefined`: it may be served, and `facts` holds what it says. */
export function readHead(
  request: Http1Request,
  limits: Pick<ListenerLimits, "headBytes" | "targetBytes">,
  facts: HeadFacts,
): Refusal | undefined {
  const minor = request.httpVersionMinor;
  if (request.httpVersionMajor !== 1 || minor > 1) return wrongVersion(request.httpVersionMajor);
  const raw = request.url as string;
  const method = request.method as string;
  if (raw.length > limits.targetBytes) {
    return { error: "PROXY_REQUEST_TARGET_TOO_LONG", message: `a target of ${raw.length} bytes` };
  }
  const { framing } = request;
  if ("error" in framing) return framing;
  if (framing.chunked && minor === 0) {
    // RFC 9112 §6.1: HTTP/1.0 knows no chunks. Somebody between the client and us has passed the field on unread.
    return { error: "PROXY_REQUEST_MALFORMED", message: "Transfer-Encoding in HTTP/1.0" };
  }
  facts.hasContent = framing.chunked || (framing.length !== undefined && framing.length > 0);
  facts.length = framing.length;

  let host: string | undefined;
  let hosts = 0;
  let expectation: string | undefined;
  const fields = request.rawHeaders;
  let size = method.length + raw.length + LINE_BYTES + (fields.length / 2) * FIELD_BYTES;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    size += name.length + (fields[at + 1] as string).length;
    if (name.length === 4 && isNamed(name, "host")) {
      host = fields[at + 1];
      hosts += 1;
    } else if (name.length === 6 && isNamed(name, "expect")) {
      const value = fields[at + 1] as string;
      expectation = expectation === undefined ? value : `${expectation}, ${value}`;
    }
  }
  // node counts names and values alone: thousands of tiny fields would make a head several times as long as allowed.
  if (size > limits.headBytes) {
    return { error: "PROXY_REQUEST_HEAD_TOO_LARGE", message: `a head of ${size} bytes` };
  }
  // RFC 9112 §3.2: with two Hosts one would route by the first and another act on the second.
  if (hosts > 1) return { error: "PROXY_REQUEST_HOST", message: "more than one Host" };
  if (host === undefined) {
    if (minor === 1) return { error: "PROXY_REQUEST_HOST", message: "no Host" };
  } else if (!isAuthority(host)) {
    return { error: "PROXY_REQUEST_HOST", message: "a malformed Host" };
  }

  const target = parseRequestTarget(method, raw);
  if ("error" in target) return target;
  if (target.kind === "authority") return { error: "PROXY_REQUEST_METHOD", message: "CONNECT" };
  facts.target = target.target;
  facts.authority = target.kind === "absolute" ? target.authority : (host ?? "");

  // RFC 9110 §10.1.1: an HTTP/1.0 client does not wait for 100, whatever it says.
  facts.expectsContinue = false;
  if (expectation !== undefined && minor === 1) {
    if (!isNamed(expectation, "100-continue")) {
      return { error: "PROXY_REQUEST_EXPECTATION", message: "an unknown expectation" };
    }
    facts.expectsContinue = true;
  }
  return undefined;
}

function wrongVersion(major: number): Refusal {
  // HTTP/0.9 has no head at all; what follows such a line would be read as a request of its own.
  return major === 0
    ? { error: "PROXY_REQUEST_MALFORMED", message: "no HTTP version" }
    : { error: "PROXY_REQUEST_VERSION", message: "an HTTP version other than 1.0 and 1.1" };
}
