/** A listener on a free port for one test, with everything that it reported kept. */
import { onTestFinished } from "vitest";

import { DeadlineWheel, type Clock } from "../../runtime/clock.ts";
import type { ListenerLimits } from "../../runtime/downstream/limits.ts";
import type { Exchange, ExchangeReceiver } from "../../runtime/downstream/exchange.ts";
import { createListener, type Listener } from "../../runtime/downstream/listener.ts";
import type { Refusal } from "../../runtime/downstream/refusal.ts";
import type { ContentSink, ContentSource } from "../../runtime/http/content.ts";

export const LIMITS: ListenerLimits = {
  headBytes: 16 * 1024,
  targetBytes: 8 * 1024,
  headTimeMs: 10_000,
  contentIdleMs: 10_000,
  keepAliveMs: 60_000,
  connections: 1000,
  connectionsPerAddress: Infinity,
  pipelined: 16,
  concurrentStreams: 128,
  resets: 1000,
  controlFrames: 500,
  sendIdleMs: 60_000,
};

export interface TestListener {
  readonly listener: Listener;
  readonly port: number;
  /** Every exchange that was served, in order. */
  readonly exchanges: Exchange[];
  readonly refusals: Refusal[];
  /** What `onError` got; asserted empty at the end unless the test empties it. */
  readonly errors: unknown[];
}

export interface ListenOptions {
  readonly limits?: Partial<ListenerLimits>;
  readonly upgrades?: readonly string[];
  readonly h2c?: boolean;
  readonly wheel?: DeadlineWheel;
  readonly mayProxy?: (address: string) => boolean;
}

/** Starts it; the end of the test cuts all connections and fails on errors that nobody expected. */
export async function listen(
  serve: (exchange: Exchange) => void,
  options: ListenOptions = {},
): Promise<TestListener> {
  const exchanges: Exchange[] = [];
  const refusals: Refusal[] = [];
  const errors: unknown[] = [];
  const listener = createListener({
    host: "127.0.0.1",
    port: 0,
    limits: { ...LIMITS, ...options.limits },
    h2c: options.h2c === true,
    mayUpgrade: (token) => options.upgrades?.includes(token) === true,
    ...(options.wheel === undefined ? {} : { wheel: options.wheel }),
    mayProxy: options.mayProxy,
    onError: (error) => errors.push(error),
    onRefused: (refusal) => refusals.push(refusal),
    serve(exchange) {
      exchanges.push(exchange);
      exchange.receiver ??= new Outcome();
      serve(exchange);
    },
  });
  const { port } = await listener.ready;
  onTestFinished(async () => {
    const drained = listener.drain();
    listener.cutAll();
    await drained;
    if (errors.length > 0) throw errors[0];
  });
  return { listener, port, exchanges, refusals, errors };
}

/** Answers with text and a length. */
export function answer(exchange: Exchange, text = "ok", status = 200): void {
  const bytes = Buffer.from(text);
  exchange.writeHead(status, ["Content-Type", "text/plain", "Content-Length", `${bytes.length}`]);
  exchange.write(bytes);
  exchange.end();
}

/** A receiver that remembers: `closed` resolves with `complete`. */
export class Outcome implements ExchangeReceiver {
  drains = 0;
  closes = 0;
  readonly closed: Promise<boolean>;
  #resolve: (complete: boolean) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.closed = promise;
    this.#resolve = resolve;
  }

  onDrain(): void {
    this.drains += 1;
  }

  onClose(complete: boolean): void {
    this.closes += 1;
    this.#resolve(complete);
  }
}

/** The outcome of an exchange that was served by {@link listen}. */
export function outcomeOf(exchange: Exchange | undefined): Outcome {
  return exchange?.receiver as Outcome;
}

/** Reads a content to its end. */
export function readContent(
  content: ContentSource,
): Promise<{ bytes: Buffer; trailers: readonly string[] }> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    const sink: ContentSink = {
      onData: (chunk) => void chunks.push(chunk),
      onEnd: (trailers) => resolve({ bytes: Buffer.concat(chunks), trailers }),
      onError: reject,
    };
    content.open(sink);
  });
}

/** Answers with what was received. */
export function echo(exchange: Exchange): void {
  if (exchange.content === undefined) {
    answer(exchange, "");
    return;
  }
  readContent(exchange.content).then(
    ({ bytes }) => answer(exchange, bytes.toString("latin1")),
    (error: { status?: number }) => answer(exchange, "", error.status ?? 500),
  );
}

/** Deadlines that run only when the test says so. */
export class ManualTime {
  readonly wheel: DeadlineWheel;
  readonly clock: Clock;
  #now = 0;

  constructor() {
    this.clock = { now: () => this.#now, monotonic: () => this.#now };
    this.wheel = new DeadlineWheel(this.clock, false);
  }

  /** In steps of one slot, with room for I/O between them. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 25) {
      this.#now += 25;
      this.wheel.turn();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
