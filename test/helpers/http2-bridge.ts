/**
 * Lets a test that speaks bytes of HTTP/1.1 ask over HTTP/2: each connection to the bridge is a session to the proxy, each
 * request on it a stream. What the client does to its connection (end, reset, not reading) happens to the stream, and
 * what happens to the stream happens to its connection: a reset cuts it.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";

import { onTestFinished } from "vitest";

import { LEFT_OUT } from "./h2-text.ts";

const sessions = new WeakMap<Socket, ClientHttp2Session>();

/** The port to speak HTTP/1.1 to. Ends with the test. */
export async function startHttp2Bridge(url: string): Promise<number> {
  const server = createServer({
    // Whatever the proxy is to judge.
    maxHeaderSize: 65_536,
    keepAliveTimeout: 0,
    requestTimeout: 0,
    headersTimeout: 0,
  });
  const relay = (request: IncomingMessage, response: ServerResponse): void =>
    relayRequest(sessionOf(request.socket, url), request, response);
  server.on("request", relay);
  server.on("checkContinue", relay);
  server.on("checkExpectation", relay);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function sessionOf(socket: Socket, url: string): ClientHttp2Session {
  const known = sessions.get(socket);
  if (known !== undefined) return known;
  const session = connect(url);
  sessions.set(socket, session);
  session.on("error", () => {});
  session.on("close", () => socket.destroySoon());
  socket.on("close", () => session.destroy());
  socket.on("error", () => {});
  return session;
}

function relayRequest(
  session: ClientHttp2Session,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { socket, rawHeaders, method = "", url = "" } = request;
  const host = request.headers.host ?? "";
  const list = [":method", method, ":scheme", "http", ":authority", host, ":path", url];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? "";
    if (!LEFT_OUT.has(name)) list.push(name, rawHeaders[at + 1] ?? "");
  }
  const hasContent =
    request.headers["content-length"] !== undefined ||
    request.headers["transfer-encoding"] !== undefined;
  const stream = session.request(list as never, {
    endStream: !hasContent,
    waitForTrailers: hasContent,
  });
  stream.on("error", () => {});
  if (hasContent) sendContent(request, stream);
  stream.on("continue", () => response.writeContinue());
  stream.on("headers", (_object, _flags, raw) => {
    const [, status, ...fields] = capitalised(raw as unknown as string[]);
    // 100 has an event of its own.
    if (status === "100") return;
    socket.write(`HTTP/1.1 ${status} Early\r\n${toLines(fields)}\r\n`, "latin1");
  });
  stream.on("response", (_object, _flags, raw) => {
    const [, status, ...fields] = capitalised(raw as unknown as string[]);
    // Only what the proxy says.
    response.sendDate = false;
    response.removeHeader("Connection");
    response.writeHead(Number(status), fields);
    response.flushHeaders();
  });
  stream.on("trailers", (_object, _flags, raw) => {
    const trailers: [string, string][] = [];
    const list = capitalised(raw as unknown as string[]);
    for (let at = 0; at < list.length; at += 2) trailers.push([list[at] ?? "", list[at + 1] ?? ""]);
    response.addTrailers(trailers);
  });
  stream.on("data", (chunk: Buffer) => {
    if (response.write(chunk)) return;
    stream.pause();
    response.once("drain", () => stream.resume());
  });
  let ended = false;
  stream.on("end", () => (ended = true));
  stream.on("close", () => {
    // An early answer is followed by RST_STREAM with NO_ERROR (RFC 9113 §8.1).
    if (ended && stream.rstCode === constants.NGHTTP2_NO_ERROR && response.headersSent) {
      response.end();
    } else socket.destroy();
  });
  response.on("close", () => {
    if (!response.writableFinished) stream.close(constants.NGHTTP2_CANCEL);
  });
}

function sendContent(request: IncomingMessage, stream: ClientHttp2Stream): void {
  request.on("data", (chunk: Buffer) => {
    if (stream.destroyed || stream.write(chunk)) return;
    request.pause();
    stream.once("drain", () => request.resume());
    stream.once("close", () => request.resume());
  });
  request.on("end", () => stream.end());
  request.on("aborted", () => stream.close(constants.NGHTTP2_CANCEL));
  stream.on("wantTrailers", () => {
    const trailers: Record<string, string> = {};
    const raw = request.rawTrailers;
    for (let at = 0; at < raw.length; at += 2) {
      trailers[raw[at]?.toLowerCase() ?? ""] = raw[at + 1] ?? "";
    }
    stream.sendTrailers(trailers);
  });
}

function toLines(fields: readonly string[]): string {
  let lines = "";
  for (let at = 0; at < fields.length; at += 2) lines += `${fields[at]}: ${fields[at + 1]}\r\n`;
  return lines;
}

/** As HTTP/1.1 is used to see them, so that tests need not tell the protocols apart. */
function capitalised(fields: readonly string[]): string[] {
  return fields.map((text, at) =>
    at % 2 === 1 ? text : text.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()),
  );
}
