/**
 * The yardstick: the least that a correct-looking proxy of node:http and undici's dispatch can do, with the same abort
 * and error wiring as Gatewright and one field touched in each direction. What Gatewright adds (routes, hooks, path and
 * field rules, limits, records) is measured against it.
 *
 * node bench/yardstick.ts PORT ORIGIN_PORT
 */
import { createServer, type ServerResponse } from "node:http";
import { Pool, type Dispatcher } from "undici";

const [port, originPort] = process.argv.slice(2).map(Number);
const pool = new Pool(`http://127.0.0.1:${originPort}`, {
  connections: 100,
  pipelining: 1,
  allowH2: false,
  headersTimeout: 0,
  bodyTimeout: 0,
  keepAliveTimeout: 60_000,
});

const DROPPED = new Set(["host", "connection", "keep-alive", "transfer-encoding", "upgrade", "te"]);

function forwardable(raw: readonly (string | Buffer)[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = String(raw[i]);
    if (!DROPPED.has(name.toLowerCase())) {
      const value = raw[i + 1] as string | Buffer;
      kept.push(name, typeof value === "string" ? value : value.toString("latin1"));
    }
  }
  return kept;
}

class Relay implements Dispatcher.DispatchHandler {
  readonly response: ServerResponse;
  controller: Dispatcher.DispatchController | undefined;
  over = false;

  constructor(response: ServerResponse) {
    this.response = response;
    response.on("close", () => {
      if (!this.over) this.controller?.abort(new Error("client gone"));
    });
    response.on("drain", () => this.controller?.resume());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const raw = (controller as unknown as { rawHeaders: Buffer[] }).rawHeaders;
    const fields = forwardable(raw);
    fields.push("x-served-by", "yardstick");
    this.response.writeHead(status, fields);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.response.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.over = true;
    this.response.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, _error: Error): void {
    this.over = true;
    if (this.response.headersSent) this.response.destroy();
    else this.response.writeHead(502).end();
  }
}

createServer((request, response) => {
  request.on("error", () => {});
  response.on("error", () => {});
  const fields = forwardable(request.rawHeaders);
  fields.push("host", request.headers.host ?? "", "x-hook", "1");
  pool.dispatch(
    {
      path: request.url ?? "/",
      method: request.method as Dispatcher.HttpMethod,
      headers: fields,
      body: request.headers["content-length"] === undefined ? null : request,
    },
    new Relay(response),
  );
}).listen(port, "127.0.0.1");
