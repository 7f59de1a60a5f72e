/**
 * All that the two roles say to each other. Plain data that survives a structured clone, so that the worker role can
 * move into a thread without a new word.
 *
 * One thing does not fit through: the loaded config itself, which holds functions. In one process it is left in the
 * {@link Handover} under its generation's number before `prepare` is sent; a worker thread will load the compiled code
 * that the message names instead.
 */
import type { PurgeSelection } from "@gatewright/sdk";

import type { ConfigIssue, LoadedConfig } from "../config/load.ts";
import type { ResolvedListen } from "../config/resolved-config.ts";
import type { HeldStatus } from "../generation/held-status.ts";
import type { LimitStatus } from "../generation/limit-status.ts";
import type { ListAnswer, ListRequest, ListStatus } from "../generation/list-requests.ts";
import type { WafStatus } from "../generation/waf-status.ts";
import type { Counts } from "../inspect/metrics.ts";
import type {
  ListenerStatus,
  RetiringStatus,
  TrafficStatus,
  UpstreamStatus,
} from "../inspect/status.ts";
import type { CacheFigures } from "../primitives/cache/route-figures.ts";

export type ToWorker =
  /** Set up this generation beside the living one and open its new listeners. Answer: `prepared` or `refused`. */
  | {
      readonly type: "prepare";
      readonly generation: number;
      readonly listen: readonly ResolvedListen[];
    }
  /** Serve it from now on, retire the one before. Answer: `committed`. */
  | { readonly type: "commit"; readonly generation: number }
  /** Take down what was prepared; nothing else changes. Answer: `aborted`. */
  | { readonly type: "abort"; readonly generation: number }
  /** There is no generation yet: answer every request with this page. Answer: `breaking` or `refused`. */
  | {
      readonly type: "break";
      readonly listen: readonly ResolvedListen[];
      readonly page: BrokenContent;
    }
  /** Stop accepting, finish what runs, cut the rest at the limit, dispose of everything. Answer: `drained`. */
  | { readonly type: "drain"; readonly limitMs: number }
  /** Answer: `stats` with the same id. */
  | { readonly type: "count"; readonly id: number }
  /** Remove stored responses. Answer: `purged` with the same id. */
  | { readonly type: "purge"; readonly id: number; readonly selection: PurgeSelection }
  /** Look at IP lists, or change one. Answer: `listed` with the same id. */
  | { readonly type: "list"; readonly id: number; readonly request: ListRequest };

export type ToSupervisor =
  | { readonly type: "prepared"; readonly generation: number }
  | {
      readonly type: "refused";
      /** `undefined`: the answer to `break`. */
      readonly generation: number | undefined;
      readonly stage: "prepare" | "listen";
      readonly issues: readonly ConfigIssue[];
    }
  | { readonly type: "committed"; readonly generation: number; readonly urls: readonly string[] }
  | { readonly type: "aborted"; readonly generation: number }
  | { readonly type: "breaking"; readonly urls: readonly string[] }
  /** A replaced generation has given back all it had. No answer. */
  | { readonly type: "released"; readonly generation: number }
  | { readonly type: "drained" }
  | { readonly type: "stats"; readonly id: number; readonly stats: WorkerStats }
  /** `undefined`: there is no cache. */
  | { readonly type: "purged"; readonly id: number; readonly count: number | undefined }
  | { readonly type: "listed"; readonly id: number; readonly answer: ListAnswer };

/** What stands in for a generation while the config is broken, in the two forms that clients ask for. */
export interface BrokenContent {
  readonly html: string;
  readonly policy: string;
  /** RFC 9457 problem details. */
  readonly json: string;
}

export interface WorkerStats {
  readonly listeners: readonly ListenerStatus[];
  readonly upstreams: readonly UpstreamStatus[];
  readonly retiring: readonly RetiringStatus[];
  readonly traffic: TrafficStatus;
  readonly held?: HeldStatus | undefined;
  readonly cache?: CacheFigures | undefined;
  readonly limits?: readonly LimitStatus[] | undefined;
  readonly lists?: readonly ListStatus[] | undefined;
  readonly counts: Counts;
  readonly waf?: WafStatus | undefined;
}

/** One end of the line between the roles. */
export interface Port<In, Out> {
  post(message: Out): void;
  /** Assigned once. Never called within `post`. */
  onMessage: ((message: In) => void) | null;
}

export type SupervisorPort = Port<ToSupervisor, ToWorker>;
export type WorkerPort = Port<ToWorker, ToSupervisor>;

/** Loaded configs on their way from one role to the other; who takes one removes it. */
export type Handover = Map<number, LoadedConfig>;

/**
 * Both ends in one thread. Messages are cloned as between threads: a message that could not move to one fails here and
 * now, and neither side can change what the other holds.
 */
export function createDirectPorts(): { supervisor: SupervisorPort; worker: WorkerPort } {
  const supervisor: SupervisorPort = {
    post: (message) => deliver(worker, message),
    onMessage: null,
  };
  const worker: WorkerPort = { post: (message) => deliver(supervisor, message), onMessage: null };
  return { supervisor, worker };
}

function deliver<In>(receiver: Port<In, never>, message: In): void {
  const copy = structuredClone(message);
  queueMicrotask(() => receiver.onMessage?.(copy));
}
