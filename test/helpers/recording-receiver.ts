import type { Duplex } from "node:stream";

import type { ProxyError } from "../../runtime/errors.ts";
import type { ContentSink, ContentSource } from "../../runtime/http/content.ts";
import type { RawFields } from "../../runtime/http/raw-fields.ts";
import type {
  Upstream,
  UpstreamCall,
  UpstreamReceiver,
  UpstreamRequest,
} from "../../runtime/upstream/upstream.ts";

/** Records what an upstream says, and fails on what it must not say. */
export class RecordingReceiver implements UpstreamReceiver {
  readonly targets: string[] = [];
  readonly informational: { status: number; fields: RawFields }[] = [];
  status: number | undefined;
  fields: RawFields = [];
  readonly chunks: Uint8Array[] = [];
  trailers: RawFields | undefined;
  complete: boolean | undefined;
  error: ProxyError | undefined;
  upgrade: { fields: RawFields; stream: Duplex } | undefined;
  lastCalls = 0;
  /** Set while `dispatch` runs: no call may come then. */
  dispatching = false;
  call: UpstreamCall | undefined;
  bytes = 0;
  /** Runs within the calls: tests throw, pause and abort here. */
  on: Partial<UpstreamReceiver> = {};
  readonly #waiting: { ready: () => boolean; resolve: () => void }[] = [];

  get over(): boolean {
    return this.lastCalls > 0;
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("latin1");
  }

  field(name: string): string | undefined {
    const at = this.fields.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name);
    return at === -1 ? undefined : this.fields[at + 1];
  }

  onTarget(address: string): void {
    this.#allowed("onTarget");
    this.targets.push(address);
    try {
      this.on.onTarget?.(address);
    } finally {
      this.#changed();
    }
  }

  onInformational(status: number, fields: RawFields): void {
    this.#allowed("onInformational");
    this.informational.push({ status, fields });
    try {
      this.on.onInformational?.(status, fields);
    } finally {
      this.#changed();
    }
  }

  onHead(status: number, fields: RawFields): void {
    this.#allowed("onHead");
    if (this.status !== undefined) throw new Error("a second head");
    this.status = status;
    this.fields = fields;
    try {
      this.on.onHead?.(status, fields);
    } finally {
      this.#changed();
    }
  }

  onData(chunk: Uint8Array): void {
    this.#allowed("onData");
    if (this.status === undefined) throw new Error("data before the head");
    this.chunks.push(chunk);
    this.bytes += chunk.byteLength;
    try {
      this.on.onData?.(chunk);
    } finally {
      this.#changed();
    }
  }

  onEnd(trailers: RawFields, complete: boolean): void {
    this.#last("onEnd");
    this.trailers = trailers;
    this.complete = complete;
    try {
      this.on.onEnd?.(trailers, complete);
    } finally {
      this.#changed();
    }
  }

  onUpgrade(fields: RawFields, stream: Duplex): void {
    this.#last("onUpgrade");
    this.upgrade = { fields, stream };
    try {
      this.on.onUpgrade?.(fields, stream);
    } finally {
      this.#changed();
    }
  }

  onError(error: ProxyError): void {
    this.#last("onError");
    this.error = error;
    try {
      this.on.onError?.(error);
    } finally {
      this.#changed();
    }
  }

  /** Resolves when the condition holds after some call. */
  when(ready: () => boolean): Promise<void> {
    if (ready()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ ready, resolve }));
  }

  /** Resolves after the last call. */
  async done(): Promise<this> {
    await this.when(() => this.over);
    return this;
  }

  #allowed(name: string): void {
    if (this.dispatching) throw new Error(`${name} within dispatch`);
    if (this.over) throw new Error(`${name} after the last call`);
  }

  #last(name: string): void {
    this.#allowed(name);
    this.lastCalls += 1;
  }

  #changed(): void {
    for (const entry of this.#waiting.splice(0)) {
      if (entry.ready()) entry.resolve();
      else this.#waiting.push(entry);
    }
  }
}

export type RequestParts = Partial<UpstreamRequest>;

/** Dispatches a request, GET / by default. */
export function send(
  upstream: Upstream,
  parts: RequestParts = {},
  on: Partial<UpstreamReceiver> = {},
): RecordingReceiver {
  const receiver = new RecordingReceiver();
  receiver.on = on;
  receiver.dispatching = true;
  receiver.call = upstream.dispatch(
    {
      method: "GET",
      scheme: "http",
      path: "/",
      authority: "a.test",
      fields: [],
      content: undefined,
      upgrade: undefined,
      connectTimeoutMs: 5000,
      responseHeadTimeoutMs: 5000,
      ...parts,
    },
    receiver,
  );
  receiver.dispatching = false;
  return receiver;
}

/** A content that the test feeds by hand. */
export class FedSource implements ContentSource {
  readonly length: number | undefined;
  readonly bytes = undefined;
  sink: ContentSink | undefined;
  paused = false;
  cancelled = false;
  opened: Promise<void>;
  #open!: () => void;
  readonly #resumed: (() => void)[] = [];

  constructor(length?: number) {
    this.length = length;
    this.opened = new Promise((resolve) => (this.#open = resolve));
  }

  open(sink: ContentSink): void {
    this.sink = sink;
    this.#open();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    for (const resolve of this.#resumed.splice(0)) resolve();
  }

  cancel(): void {
    this.cancelled = true;
    this.sink = undefined;
    for (const resolve of this.#resumed.splice(0)) resolve();
  }

  /** Resolves when the reader wants more. */
  wanted(): Promise<void> {
    return this.paused ? new Promise((resolve) => this.#resumed.push(resolve)) : Promise.resolve();
  }

  write(text: string | Buffer): void {
    this.sink?.onData(typeof text === "string" ? Buffer.from(text, "latin1") : text);
  }

  end(): void {
    this.sink?.onEnd([]);
  }

  fail(error: Error): void {
    this.sink?.onError(error);
  }
}
