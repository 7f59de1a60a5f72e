import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

/**
 * An origin server made of node:net: it logs the exact bytes that it gets and sends the exact bytes that it is given.
 * Its request parser is strict and keeps connections alive, so two requests for one show up as two.
 */
export interface ToyUpstreamOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly port?: number;
  /** Called for each request that is whole. A returned text (Latin-1) or Buffer is sent as it is. Default: 200 "ok". */
  readonly onRequest?: (request: ToyRequest, connection: ToyConnection) => string | Buffer | void;
  /** Called when a head has arrived, before its content. */
  readonly onHead?: (request: ToyRequest, connection: ToyConnection) => string | Buffer | void;
  readonly onConnection?: (connection: ToyConnection) => void;
}

export interface ToyRequest {
  readonly method: string;
  readonly target: string;
  /** Request line and field lines as received, without the empty line, Latin-1. */
  readonly head: string;
  /** Flat `[name, value, …]`, case kept. */
  readonly fields: string[];
  /** Decoded content so far; whole in `onRequest`. */
  content: Buffer;
  /** Trailer lines of a chunked request. */
  trailers: string[];
  /** First value of a field, by any case. */
  field(name: string): string | undefined;
}

/** One accepted connection. */
export class ToyConnection {
  readonly socket: Socket;
  /** Every byte received. */
  received: Buffer = Buffer.alloc(0);
  /** Requests that were whole. */
  readonly requests: ToyRequest[] = [];
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  /** An orderly end (FIN) was seen from the peer. */
  ended = false;
  /** No more parsing: bytes are only logged (after an upgrade). Set by the test. */
  raw = false;

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.once("end", () => (this.ended = true));
  }

  /** Text is Latin-1. */
  send(bytes: string | Buffer): boolean {
    return this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** FIN after what was sent. */
  finish(bytes?: string | Buffer): void {
    if (bytes !== undefined) this.send(bytes);
    this.socket.end();
  }

  /** RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

export interface ToyUpstream {
  readonly port: number;
  readonly host: string;
  /** `http://host:port` */
  readonly url: string;
  readonly server: Server;
  /** All connections ever accepted. */
  readonly connections: ToyConnection[];
  /** Those that are open now. */
  readonly open: Set<ToyConnection>;
  /** All whole requests, in order. */
  readonly requests: ToyRequest[];
  /** What the strict parser objected to. */
  readonly violations: string[];
  /** Resolves with request number `count` (from 1). */
  request(count: number): Promise<ToyRequest>;
  /** Resolves with connection number `count` (from 1). */
  connection(count: number): Promise<ToyConnection>;
  /** Resolves when at most `count` sockets are open. */
  openAtMost(count: number): Promise<void>;
  close(): Promise<void>;
}

/** A complete response with Content-Length. `fields` are lines without CRLF. */
export function toyResponse(status: number, content: string, ...fields: string[]): string {
  const lines = [`HTTP/1.1 ${status} Toy`, ...fields, `Content-Length: ${content.length}`];
  return `${lines.join("\r\n")}\r\n\r\n${content}`;
}

export async function startToyUpstream(options: ToyUpstreamOptions = {}): Promise<ToyUpstream> {
  const host = options.host ?? "127.0.0.1";
  const connections: ToyConnection[] = [];
  const open = new Set<ToyConnection>();
  const requests: ToyRequest[] = [];
  const violations: string[] = [];
  const waiting: { ready: () => boolean; resolve: () => void }[] = [];
  const changed = (): void => {
    for (const entry of waiting.splice(0)) {
      if (entry.ready()) entry.resolve();
      else waiting.push(entry);
    }
  };
  const when = (ready: () => boolean): Promise<void> =>
    ready() ? Promise.resolve() : new Promise((resolve) => waiting.push({ ready, resolve }));

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const connection = new ToyConnection(socket);
    connections.push(connection);
    open.add(connection);
    const parser = new RequestParser({
      onHead: (request) => {
        const reply = options.onHead?.(request, connection);
        if (reply !== undefined) connection.send(reply);
      },
      onRequest: (request) => {
        requests.push(request);
        connection.requests.push(request);
        const reply = options.onRequest
          ? options.onRequest(request, connection)
          : toyResponse(200, request.method === "HEAD" ? "" : "ok");
        if (reply !== undefined) connection.send(reply);
        changed();
      },
      onViolation: (text) => violations.push(text),
    });
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      connection.received = Buffer.concat([connection.received, chunk]);
      if (!connection.raw) parser.push(chunk, () => connection.raw);
      changed();
    });
    socket.on("end", () => {
      if (parser.midMessage && !connection.raw) violations.push("end within a message");
      socket.end();
    });
    socket.on("close", () => {
      open.delete(connection);
      changed();
    });
    options.onConnection?.(connection);
    changed();
  });
  server.listen(options.port ?? 0, host);
  await once(server, "listening");
  const port = (server.address() as AddressInfo).port;
  return {
    port,
    host,
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    server,
    connections,
    open,
    requests,
    violations,
    async request(count) {
      await when(() => requests.length >= count);
      return requests[count - 1] as ToyRequest;
    },
    async connection(count) {
      await when(() => connections.length >= count);
      return connections[count - 1] as ToyConnection;
    },
    openAtMost: (count) => when(() => open.size <= count),
    async close() {
      for (const connection of open) connection.socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, "close");
    },
  };
}

interface ParserEvents {
  onHead(request: ToyRequest): void;
  onRequest(request: ToyRequest): void;
  onViolation(text: string): void;
}

/** RFC 9112 requests, strictly: anything that two parsers could read differently is a violation and stops the parser. */
class RequestParser {
  readonly #events: ParserEvents;
  #buffer: Buffer = Buffer.alloc(0);
  #request: ToyRequest | undefined;
  #parts: Buffer[] = [];
  #state: "head" | "length" | "chunk-size" | "chunk" | "chunk-end" | "trailers" | "stopped" =
    "head";
  #left = 0;

  constructor(events: ParserEvents) {
    this.#events = events;
  }

  get midMessage(): boolean {
    return this.#state === "head" ? this.#buffer.length > 0 : this.#state !== "stopped";
  }

  push(chunk: Buffer, stopped: () => boolean): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    while (!stopped() && this.#step());
  }

  #step(): boolean {
    switch (this.#state) {
      case "head":
        return this.#head();
      case "length":
      case "chunk": {
        if (this.#left > 0 && this.#buffer.length === 0) return false;
        const part = this.#take(Math.min(this.#left, this.#buffer.length));
        this.#parts.push(part);
        this.#left -= part.length;
        if (this.#left > 0) return false;
        if (this.#state === "length") this.#complete([]);
        else this.#state = "chunk-end";
        return true;
      }
      case "chunk-size": {
        const line = this.#line();
        if (line === undefined) return false;
        if (!/^[0-9a-f]+$/i.test(line)) return this.#stop(`chunk size ${JSON.stringify(line)}`);
        this.#left = Number.parseInt(line, 16);
        this.#state = this.#left === 0 ? "trailers" : "chunk";
        return true;
      }
      case "chunk-end": {
        const line = this.#line();
        if (line === undefined) return false;
        if (line !== "") return this.#stop("no CRLF after a chunk");
        this.#state = "chunk-size";
        return true;
      }
      case "trailers": {
        if (this.#buffer.subarray(0, 2).toString("latin1") === "\r\n") {
          this.#take(2);
          this.#complete([]);
          return true;
        }
        const end = this.#buffer.indexOf("\r\n\r\n");
        if (end === -1) return false;
        const lines = this.#take(end + 4)
          .toString("latin1")
          .slice(0, -4)
          .split("\r\n");
        this.#complete(lines);
        return true;
      }
      case "stopped":
        return false;
    }
  }

  #head(): boolean {
    const end = this.#buffer.indexOf("\r\n\r\n");
    if (end === -1) return false;
    const head = this.#take(end + 4)
      .toString("latin1")
      .slice(0, -4);
    const [requestLine = "", ...lines] = head.split("\r\n");
    const match = /^([!-~]+) (\S+) HTTP\/1\.[01]$/.exec(requestLine);
    if (match === null) return this.#stop(`request line ${JSON.stringify(requestLine)}`);
    const fields: string[] = [];
    for (const line of lines) {
      const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
      if (field === null) return this.#stop(`field line ${JSON.stringify(line)}`);
      fields.push(field[1] ?? "", field[2] ?? "");
    }
    const all = (name: string): string[] =>
      fields.filter((_, at) => at % 2 === 1 && fields[at - 1]?.toLowerCase() === name);
    const request: ToyRequest = {
      method: match[1] ?? "",
      target: match[2] ?? "",
      head,
      fields,
      content: Buffer.alloc(0),
      trailers: [],
      field: (name) => all(name.toLowerCase())[0],
    };
    const lengths = all("content-length");
    const codings = all("transfer-encoding");
    if (all("host").length !== 1) return this.#stop(`${all("host").length} Host fields`);
    if (lengths.length > 1) return this.#stop("more than one Content-Length");
    if (lengths.length > 0 && codings.length > 0)
      return this.#stop("Content-Length with Transfer-Encoding");
    if (codings.length > 0 && codings.join() !== "chunked")
      return this.#stop(`Transfer-Encoding ${codings.join()}`);
    if (lengths.length > 0 && !/^\d+$/.test(lengths[0] ?? ""))
      return this.#stop("bad Content-Length");
    this.#request = request;
    this.#parts = [];
    this.#events.onHead(request);
    if (codings.length > 0) {
      this.#state = "chunk-size";
    } else {
      this.#left = Number(lengths[0] ?? 0);
      if (this.#left === 0) this.#complete([]);
      else this.#state = "length";
    }
    return true;
  }

  #complete(trailers: string[]): void {
    const request = this.#request as ToyRequest;
    request.content = Buffer.concat(this.#parts);
    request.trailers = trailers;
    this.#request = undefined;
    this.#state = "head";
    this.#events.onRequest(request);
  }

  #take(count: number): Buffer {
    const part = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return part;
  }

  #line(): string | undefined {
    const end = this.#buffer.indexOf("\r\n");
    return end === -1
      ? undefined
      : this.#take(end + 2)
          .toString("latin1")
          .slice(0, -2);
  }

  #stop(reason: string): false {
    this.#state = "stopped";
    this.#events.onViolation(reason);
    return false;
  }
}
