import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { Readable } from "node:stream";

import type { ContentSource } from "../http/content.ts";
import { fromWebResponse } from "../http/web-response.ts";
import type { Log } from "../log.ts";
import type { Network, OpenConnection } from "../upstream/network.ts";
import { targetKey } from "../upstream/target.ts";
import { activity, later } from "./activity.ts";
import { answerOf, type Fake, type Fakes } from "./fakes.ts";
import { createSocketPair } from "./memory-socket.ts";

/** Over HTTP/2 node gives the same members, and the stream. */
interface Asked extends IncomingMessage {
  readonly stream?: ServerHttp2Stream;
  readonly authority?: string;
}

/** Who is at the other end of a connection. */
interface Seat {
  readonly upstream: string;
  readonly target: string;
  readonly scheme: "http" | "https";
  readonly isCheck: boolean;
  readonly fake: Fake;
  /** Its end of the connection. */
  readonly socket: Socket;
}

/**
 * The network of a test proxy: connections that end in a fake. Everything on this side of them is the real thing: pools
 * and their caps, HTTP/1.1 and HTTP/2, checks of health, retries of what broke.
 */
export class FakeNetwork implements Network {
  readonly fetch: typeof globalThis.fetch;
  readonly #fakes: Fakes;
  readonly #log: Log;
  readonly #open = new Map<Socket, string>();
  readonly #unplugged = new Set<string>();

  constructor(fakes: Fakes, log: Log) {
    this.#fakes = fakes;
    this.#log = log;
    this.fetch = (input, init) => this.#fetch(new Request(input, init));
  }

  openerFor(upstream: string, use: "requests" | "checks"): OpenConnection {
    return (target, protocols) => {
      const key = targetKey(target);
      const { client, server, open } = createSocketPair();
      const fake = this.#fakes.find(upstream, key);
      // Not sooner than a real one: whoever asked for it first says what he wants to hear of.
      later(() => {
        activity.count += 1;
        if (fake === undefined || this.#unplugged.has(key)) {
          client.destroy(refused(upstream, key, fake !== undefined));
          return;
        }
        this.#track(server, key);
        const { scheme } = target;
        const isCheck = use === "checks";
        const seat = { upstream, target: key, scheme, isCheck, fake, socket: server };
        if (protocols.length === 0) server.resume();
        else this.#accept(seat, protocols.includes("h2"));
        open(scheme === "https", protocols[0]);
      });
      return client;
    };
  }

  /** Connections to it break, and new ones are refused. */
  unplug(key: string): void {
    this.#unplugged.add(key);
    for (const [socket, target] of this.#open) if (target === key) socket.resetAndDestroy();
  }

  plugIn(key: string): void {
    this.#unplugged.delete(key);
  }

  close(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  /** A server for each connection: that is how it knows whose it is. None of them listens. */
  #accept(seat: Seat, isHttp2: boolean): void {
    const onRequest = (asked: Asked, answer: ServerResponse): void =>
      void this.#serve(seat, asked, answer);
    const server = isHttp2 ? createHttp2(onRequest as never) : createHttp1(LIMITS, onRequest);
    server.emit("connection", seat.socket);
  }

  #track(socket: Socket, key: string): void {
    this.#open.set(socket, key);
    socket.once("close", () => this.#open.delete(socket));
  }

  async #serve(seat: Seat, asked: Asked, answer: ServerResponse): Promise<void> {
    const { upstream, target, scheme, fake, isCheck } = seat;
    const controller = new AbortController();
    let content: ContentSource | undefined;
    answer.once("close", () => {
      content?.cancel();
      controller.abort();
    });
    try {
      const request = toRequest(asked, scheme, controller.signal);
      const execution = { waitUntil() {}, passThroughOnException() {}, props: {} };
      const response = await this.#fakes.record(request, { upstream, target }, isCheck, (asking) =>
        answerOf(fake, asking, { upstream, target }, execution),
      );
      activity.count += 1;
      const converted = await fromWebResponse(response, undefined, asked.method === "HEAD");
      if (answer.closed) return;
      content = converted.content;
      send(seat, asked, answer, converted.status, converted.fields, content);
    } catch (error) {
      if (!controller.signal.aborted) {
        this.#log.error({ upstream, target, err: error }, "a fake upstream failed");
      }
      cut(seat, asked);
    }
  }

  async #fetch(request: Request): Promise<Response> {
    const { origin } = new URL(request.url);
    const fake = this.#fakes.find(origin, origin);
    if (fake === undefined)
      throw new TypeError("fetch failed", { cause: refused(origin, origin, false) });
    const context = { upstream: origin, target: origin };
    return this.#fakes.record(request, context, false, (asking) =>
      answerOf(fake, asking, context, undefined),
    );
  }
}

const LIMITS = {
  keepAliveTimeout: 0,
  requestTimeout: 0,
  headersTimeout: 0,
  maxHeaderSize: 65_536,
};
/** The connection's own. */
const OWN = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "expect", "te"]);

function toRequest(asked: Asked, scheme: string, signal: AbortSignal): Request {
  const headers = new Headers();
  const { rawHeaders } = asked;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (!name.startsWith(":") && !OWN.has(name.toLowerCase())) {
      headers.append(name, rawHeaders[at + 1] as string);
    }
  }
  const host = asked.authority ?? asked.headers.host ?? headers.get("host") ?? "localhost";
  if (!headers.has("host")) headers.set("host", host);
  const method = asked.method ?? "GET";
  const { "content-length": length, "transfer-encoding": coding } = asked.headers;
  const hasContent =
    asked.stream === undefined
      ? length !== undefined || coding !== undefined
      : !asked.stream.endAfterHeaders;
  const init: RequestInit = { method, headers, signal, redirect: "manual" };
  if (hasContent && method !== "GET" && method !== "HEAD") {
    init.body = Readable.toWeb(asked) as ReadableStream<Uint8Array<ArrayBuffer>>;
    init.duplex = "half";
  } else {
    asked.resume();
  }
  return new Request(`${scheme}://${host}${asked.url ?? "/"}`, init);
}

function send(
  seat: Seat,
  asked: Asked,
  answer: ServerResponse,
  status: number,
  fields: readonly string[],
  content: ContentSource | undefined,
): void {
  const lines = fields.filter((_, at) => !OWN.has((fields[at - (at % 2)] as string).toLowerCase()));
  // Nobody said when it was: what is in the cache is as old as the test's clock says.
  answer.sendDate = false;
  answer.writeHead(status, lines);
  if (content === undefined) {
    answer.end();
    return;
  }
  // Its beginning may be long in coming: that of events, for example.
  answer.flushHeaders();
  answer.on("drain", () => content.resume());
  content.open({
    onData(chunk) {
      activity.count += 1;
      if (!answer.write(chunk)) content.pause();
    },
    onEnd: () => answer.end(),
    onError: () => cut(seat, asked),
  });
}

/** As a server that dies: over HTTP/2 it is the stream that ends. */
function cut({ socket }: Seat, asked: Asked): void {
  if (asked.stream === undefined) socket.resetAndDestroy();
  else asked.stream.close(INTERNAL_ERROR);
}

/** RFC 9113 §7. */
const INTERNAL_ERROR = 2;

function refused(upstream: string, target: string, isUnplugged: boolean): Error {
  const reason = isUnplugged
    ? `the test has disconnected ${target}`
    : `there is no fake for ${target}: give createTestProxy upstreams: { ${JSON.stringify(upstream)}: … }`;
  return Object.assign(new Error(`connect ECONNREFUSED, ${reason}`), {
    code: "ECONNREFUSED",
    syscall: "connect",
  });
}
