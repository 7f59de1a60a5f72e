/**
 * The pipeline of a config without sockets, on a clock that stands still until the test moves it: for what takes hours.
 * Upstreams are `{ fetch }` apps.
 */
import type { Duplex } from "node:stream";

import type { AccessRecord, GatewrightConfig, PurgeSelection } from "@gatewright/sdk";
import { onTestFinished } from "vitest";

import { DeadlineWheel, systemClock, type TimerClock } from "../../runtime/clock.ts";
import type { LoadedConfig } from "../../runtime/config/load.ts";
import { normalize } from "../../runtime/config/normalize.ts";
import { validate } from "../../runtime/config/validate.ts";
import type { Exchange, ExchangeReceiver } from "../../runtime/downstream/exchange.ts";
import { createProvision } from "../../runtime/generation/provision.ts";
import { createResourceRegistry } from "../../runtime/generation/resources.ts";
import type { ReadonlyRawFields } from "../../runtime/http/raw-fields.ts";
import { fieldValue } from "../../runtime/http/raw-fields.ts";
import type { ExplainInput, ExplainStep } from "../../runtime/pipeline/explain.ts";
import { collectLog, type LogCollector } from "./log-lines.ts";

export interface SimulatedAnswer {
  readonly status: number;
  readonly text: string;
  field(name: string): string | undefined;
  readonly record: AccessRecord;
}

export interface SimulatedRequest {
  /** Default GET. */
  readonly method?: string;
  /** Flat `[name, value, …]`, without Host. */
  readonly fields?: readonly string[];
  /** Default `http`. */
  readonly scheme?: "http" | "https";
  /** Default `a.test`. */
  readonly host?: string;
}

export interface SimulatedProxy {
  /** Milliseconds since 1970, as the proxy sees them. */
  readonly now: number;
  /** Later, with deadlines that fall due on the way. */
  advance(ms: number): void;
  /** One request, on a connection of its own. */
  ask(target: string, options?: SimulatedRequest): Promise<SimulatedAnswer>;
  /** Removes stored responses; returns how many. */
  purge(selection: PurgeSelection): number;
  /** Step by step, what would become of it. */
  explain(
    input: Omit<ExplainInput, "url" | "method"> & { url: string; method?: string },
  ): Promise<readonly ExplainStep[]>;
  /** Resolves when all that the proxy does without a client is done. */
  settled(): Promise<void>;
  readonly log: LogCollector;
}

/** At `startAt` when it begins. */
export async function simulateProxy(
  config: GatewrightConfig<string>,
  startAt: number = Date.UTC(2030, 0, 1),
): Promise<SimulatedProxy> {
  let now = startAt;
  const clock: TimerClock = {
    ...systemClock,
    now: () => now,
    monotonic: () => now - startAt,
  };
  const wheel = new DeadlineWheel(clock, false);
  const log = collectLog();
  const records: AccessRecord[] = [];
  const provision = createProvision({
    accessLog: (record) => void records.push(record),
    describeError: (error) => ({ error }),
    clock,
    wheel,
  });
  const result = validate(config);
  if (result.kind === "invalid") throw new Error(JSON.stringify(result.issues));
  const provisioned = await provision({
    loaded: {
      config: normalize(result.config, "/nonexistent/proxy.config.ts", "start"),
      slot: {
        generation: 1,
        runInBackground: <T>(work: () => T): T => work(),
        retire() {},
        dispose() {},
      },
      digest: "simulated",
      packages: [],
    } as unknown as LoadedConfig,
    resources: createResourceRegistry(log.log),
    log: log.log,
    lease: { acquire() {}, release() {} },
    waitUntil() {},
  });
  provisioned.commit();
  onTestFinished(() => provisioned.dispose());

  return {
    get now() {
      return now;
    },
    log,
    advance(ms) {
      now += ms;
      wheel.turn();
    },
    async ask(target, request = {}) {
      const exchange = new SimulatedExchange(target, request);
      provisioned.pipeline.serve(exchange);
      const { status, answered, content } = await exchange.over;
      const record = records.pop();
      if (record === undefined) throw new Error("the request left no access record");
      return {
        status,
        text: Buffer.concat(content).toString(),
        field: (name) => fieldValue(answered, name),
        record,
      };
    },
    purge: (selection) => provisioned.cache?.purge(selection) ?? 0,
    async explain(input) {
      return (await provisioned.pipeline.explain({ method: "GET", ...input })).steps;
    },
    async settled() {
      do await new Promise((resolve) => setImmediate(resolve));
      while (provisioned.pipeline.stats.requests + provisioned.pipeline.stats.streams > 0);
    },
  };
}

class SimulatedExchange implements Exchange {
  readonly protocol = "HTTP/1.1";
  readonly content = undefined;
  readonly upgrade = undefined;
  readonly expectsContinue = false;
  readonly connection = {
    peerAddress: "192.0.2.1",
    peerPort: 1,
    localAddress: "192.0.2.2",
    localPort: 80,
    servername: undefined,
  };
  readonly bytesReceived = 0;
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly method: string;
  readonly target: string;
  readonly fields: ReadonlyRawFields;
  readonly #over = Promise.withResolvers<{
    status: number;
    answered: ReadonlyRawFields;
    content: Uint8Array[];
  }>();
  readonly #content: Uint8Array[] = [];
  #status = 0;
  #answered: ReadonlyRawFields = [];
  #open = true;
  headSent = false;
  bytesSent = 0;
  takenBytes = 0;
  receiver: ExchangeReceiver | null = null;

  constructor(target: string, request: SimulatedRequest) {
    this.target = target;
    this.method = request.method ?? "GET";
    this.scheme = request.scheme ?? "http";
    this.authority = request.host ?? "a.test";
    this.fields = ["Host", this.authority, ...(request.fields ?? [])];
  }

  get over(): Promise<{ status: number; answered: ReadonlyRawFields; content: Uint8Array[] }> {
    return this.#over.promise;
  }

  writeInformational(): void {}

  writeHead(status: number, fields: ReadonlyRawFields): void {
    this.headSent = true;
    this.#status = status;
    this.#answered = [...fields];
  }

  write(chunk: Uint8Array): boolean {
    this.bytesSent += chunk.length;
    this.takenBytes += chunk.length;
    this.#content.push(chunk);
    return true;
  }

  end(): void {
    this.#close(true);
  }

  abort(): void {
    this.#close(false);
  }

  closeAfter(): void {}

  acceptUpgrade(): Duplex {
    throw new Error("nothing is upgraded here");
  }

  #close(whole: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    queueMicrotask(() => {
      this.receiver?.onClose(whole);
      const [status, answered, content] = [this.#status, this.#answered, this.#content];
      this.#over.resolve({ status, answered, content });
    });
  }
}
