/**
 * The yardstick of HTTP/2: the least that a correct-looking proxy of node:http2 and undici's dispatch can do, with abort
 * and error wiring and one field touched in each direction.
 *
 * node bench/yardstick-h2.ts PORT ORIGIN_PORT CERT KEY
 */
import { readFileSync } from "node:fs";
import { constants, createSecureServer, type ServerHttp2Stream } from "node:http2";
import { Pool, type Dispatcher } from "undici";

const [port, originPort, cert, key] = process.argv.slice(2);
const pool = new Pool(`http://127.0.0.1:${originPort}`, {
  connections: 600,
  pipelining: 1,
  allowH2: false,
  headersTimeout: 0,
  bodyTimeout: 0,
  keepAliveTimeout: 60_000,
});

const DROPPED = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "te"]);

class Relay implements Dispatcher.DispatchHandler {
  readonly stream: ServerHttp2Stream;
  controller: Dispatcher.DispatchController | undefined;
  over = false;

  constructor(stream: ServerHttp2Stream) {
    this.stream = stream;
    stream.on("close", () => {
      if (!this.over) this.controller?.abort(new Error("client gone"));
    });
    stream.on("drain", () => this.controller?.resume());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.stream.destroyed) return;
    const raw = (controller as unknown as { rawHeaders: Buffer[] }).rawHeaders;
    const fields = [":status", String(status)];
    for (let i = 0; i < raw.length; i += 2) {
      const name = String(raw[i]).toLowerCase();
      if (!DROPPED.has(name)) fields.push(name, (raw[i + 1] as Buffer).toString("latin1"));
    }
    fields.push("x-served-by", "yardstick");
    // A flat list is what node takes since version 24; its types know objects only.
    this.stream.respond(fields as never);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.stream.destroyed && !this.stream.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.over = true;
    this.stream.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, _error: Error): void {
    this.over = true;
    if (this.stream.destroyed) return;
    if (this.stream.headersSent) this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else this.stream.respond({ ":status": 502 }, { endStream: true });
  }
}

const server = createSecureServer({
  cert: readFileSync(cert ?? ""),
  key: readFileSync(key ?? ""),
  settings: { maxConcurrentStreams: 1000 },
});
server.on("sessionError", () => {});
server.on("stream", (stream: ServerHttp2Stream, headers, flags, raw: string[]) => {
  stream.on("error", () => {});
  const fields: string[] = ["host", String(headers[":authority"] ?? ""), "x-hook", "1"];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (!name.startsWith(":") && !DROPPED.has(name)) fields.push(name, raw[i + 1] as string);
  }
  pool.dispatch(
    {
      path: String(headers[":path"]),
      method: headers[":method"] as Dispatcher.HttpMethod,
      headers: fields,
      body: (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0 ? stream : null,
    },
    new Relay(stream),
  );
});
server.listen(Number(port), "127.0.0.1");
