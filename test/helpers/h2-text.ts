/** Requests written as HTTP/1.1 text, sent over HTTP/2: so that one test serves both protocols. */
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";

import type { RawResponse, ReadOptions } from "./raw-client.ts";

const DEFAULT_TIMEOUT_MS = 5_000;

/** What HTTP/2 has other means for (RFC 9113 §8.2.2). */
export const LEFT_OUT: ReadonlySet<string> = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** One request on a session of its own; the final response. */
export async function askHttp2(
  url: string,
  text: string,
  options: ReadOptions = {},
): Promise<RawResponse> {
  const session = connect(url);
  session.on("error", () => {});
  try {
    return await askOn(session, text, options);
  } finally {
    session.destroy();
  }
}

/** The same on a session that is there. Rejects if the stream is reset before its end. */
function askOn(
  session: ClientHttp2Session,
  text: string,
  options: ReadOptions = {},
): Promise<RawResponse> {
  const { fields, content, trailers } = parse(text);
  const stream = session.request(fields as never, {
    endStream: content === undefined && trailers.length === 0,
    waitForTrailers: trailers.length > 0,
  });
  stream.on("wantTrailers", () => stream.sendTrailers(toObject(trailers)));
  if (content !== undefined || trailers.length > 0) stream.end(content);
  return responseOf(stream, options);
}

export function responseOf(
  stream: ClientHttp2Stream,
  options: ReadOptions = {},
): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timer = setTimeout(() => {
      reject(new Error("no whole response in time"));
      stream.close();
    }, timeoutMs);
    const chunks: Buffer[] = [];
    let fields: string[] = [];
    let trailers: string[] = [];
    let ended = false;
    stream.on("response", (_object, _flags, raw) => (fields = raw as unknown as string[]));
    stream.on("trailers", (_object, _flags, raw) => (trailers = raw as unknown as string[]));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => (ended = true));
    stream.on("error", reject);
    stream.on("close", () => {
      clearTimeout(timer);
      if (!ended || stream.rstCode !== 0 || fields.length === 0) {
        reject(new Error(`the stream was reset with code ${stream.rstCode}`));
        return;
      }
      const rest = fields.slice(2);
      resolve({
        version: "HTTP/2",
        status: Number(fields[1]),
        reason: "",
        fields: rest,
        content: Buffer.concat(chunks),
        trailers,
        head: toText(rest),
        framing: rest.includes("content-length")
          ? "length"
          : chunks.length > 0
            ? "chunked"
            : "none",
      });
    });
  });
}

interface Parsed {
  readonly fields: string[];
  readonly content: Buffer | undefined;
  readonly trailers: string[];
}

function parse(text: string): Parsed {
  const end = text.indexOf("\r\n\r\n");
  const [requestLine = "", ...lines] = text.slice(0, end).split("\r\n");
  const [method = "", target = ""] = requestLine.split(" ");
  const own: string[] = [];
  let host = "";
  let chunked = false;
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "host") host = value;
    if (name === "transfer-encoding") chunked = true;
    if (!LEFT_OUT.has(name)) own.push(name, value);
  }
  const pseudo = [":method", method, ":scheme", "http", ":authority", host, ":path", target];
  const body = text.slice(end + 4);
  const { content, trailers } = chunked ? dechunked(body) : { content: body, trailers: [] };
  return {
    fields: [...pseudo, ...own],
    content: content === "" && !chunked ? undefined : Buffer.from(content, "latin1"),
    trailers,
  };
}

function dechunked(text: string): { content: string; trailers: string[] } {
  let content = "";
  let at = 0;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    at = lineEnd + 2;
    if (size === 0) break;
    content += text.slice(at, at + size);
    at += size + 2;
  }
  const trailers: string[] = [];
  for (const line of text.slice(at).split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) trailers.push(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { content, trailers };
}

function toObject(fields: readonly string[]): Record<string, string> {
  const object: Record<string, string> = {};
  for (let at = 0; at < fields.length; at += 2) object[fields[at] as string] = fields[at + 1] ?? "";
  return object;
}

function toText(fields: readonly string[]): string {
  let text = "HTTP/2";
  for (let at = 0; at < fields.length; at += 2) text += `\r\n${fields[at]}: ${fields[at + 1]}`;
  return text;
}
