import type { Duplex } from "node:stream";

import type { ProxyError } from "../errors.ts";
import type { ContentSource } from "../http/content.ts";
import type { RawFields, ReadonlyRawFields } from "../http/raw-fields.ts";
import type { RequestFacades } from "./balance/balancer.ts";
import type { HealthState } from "./health/health.ts";

/** One request to an upstream: everything decided, nothing but bytes left. */
export interface UpstreamRequest {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Origin-form: path and query. */
  readonly path: string;
  /** The Host to send, or `undefined` for the target's own. */
  readonly authority: string | undefined;
  /** Without Host, hop-by-hop and framing fields (Content-Length, Transfer-Encoding, Expect, TE, Trailer, Upgrade). */
  readonly fields: ReadonlyRawFields;
  readonly content: ContentSource | undefined;
  /** Gives the same content again, any number of times. */
  readonly replay?: RepeatableContent | undefined;
  /** Protocol to upgrade to. */
  readonly upgrade: string | undefined;
  /** Who is asking, for upstreams that are told by a PROXY header. Default: we are. */
  readonly client?: RequestClient | undefined;
  /** The client's address for balancing, trusted proxies taken into account. Absent where no client stands behind it. */
  readonly clientAddress?: string | undefined;
  /** The request as hooks see it, where functions of the config choose the target. */
  readonly facades?: RequestFacades | undefined;
  /** Targets that another one is preferred to, by the address that `onTarget` gave: they have failed this request. */
  readonly avoid?: ReadonlySet<string> | undefined;
  readonly connectTimeoutMs: number;
  readonly responseHeadTimeoutMs: number;
  /** Longest silence within the response's content. Absent: any. It is noticed at the latest half as late again. */
  readonly idleTimeoutMs?: number | undefined;
}

export interface RepeatableContent {
  asSource(): ContentSource;
}

/** Whose request it is, and the address that it was sent to. */
export interface RequestClient {
  readonly peerAddress: string;
  /** 0: not known. */
  readonly peerPort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/**
 * What comes back. Never called within `dispatch` itself. The last call is exactly one of `onEnd`, `onUpgrade` and
 * `onError`; none comes after `abort`.
 */
export interface UpstreamReceiver {
  /**
   * A target was chosen: its address for logs, `host:port`, and the Set-Cookie that brings the client back to it, if it
   * needs one. Once for each attempt that got as far as a target, so it comes again when a request is sent again.
   */
  onTarget(address: string, cookie?: string): void;
  onInformational(status: number, fields: RawFields): void;
  /** The final head, hop-by-hop fields included as received. */
  onHead(status: number, fields: RawFields): void;
  onData(chunk: Uint8Array): void;
  /** `complete` is false for a body whose only end was the closed connection: legal, but not known to be whole. */
  onEnd(trailers: RawFields, complete: boolean): void;
  /** 101: the connection's bytes, first frame included. The stream already has an error listener. */
  onUpgrade(fields: RawFields, stream: Duplex): void;
  onError(error: ProxyError): void;
}

/** A request under way. */
export interface UpstreamCall {
  /** Address of the target that has it now, also before `onTarget` tells it. */
  readonly target?: string | undefined;
  /** Chunks that `onData` gets are nobody else's: who has used one up may free its memory. */
  readonly givesChunksAway?: boolean | undefined;
  /** Stop reading the response: back pressure reaches the upstream's socket. */
  pause(): void;
  resume(): void;
  /**
   * Gives up: the connection is closed within a millisecond or so. Harmless when all is over. `fault`: it is the target
   * that has kept us waiting, which counts for its health unless its head has come.
   */
  abort(fault?: ProxyError): void;
}

export interface TargetStats {
  /** `http://10.0.0.1:9000`, `unix:/run/app.sock`. */
  readonly key: string;
  readonly state: HealthState;
  /** It has left the upstream and ends what it has begun. */
  readonly draining: boolean;
  /** Connections. */
  readonly open: number;
  readonly idle: number;
  /** Requests under way. */
  readonly active: number;
  readonly weight: number;
  readonly priority: number;
  readonly latencyMs: number;
  readonly lastError: { readonly message: string; readonly at: number } | undefined;
}

export interface UpstreamStats {
  readonly open: number;
  readonly idle: number;
  readonly active: number;
  readonly queued: number;
}

/** A named group of targets, or an app in this process. */
export interface Upstream {
  readonly name: string;
  /** It tells its targets whose requests they are, so it needs each request's `client`. */
  readonly tellsClient?: boolean;
  dispatch(request: UpstreamRequest, receiver: UpstreamReceiver): UpstreamCall;
  stats(): UpstreamStats;
  /** One by one, where it has several. */
  targetStats?(): TargetStats[];
  /** How often one of its targets came into each state. */
  readonly stateChanges?: Readonly<Partial<Record<HealthState, number>>>;
  /** Takes no new requests, lets running ones end, closes idle connections. Resolves when the last connection is closed. */
  close(): Promise<void>;
}
