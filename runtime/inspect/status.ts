import type { HeldStatus } from "../generation/held-status.ts";
import type { LimitStatus } from "../generation/limit-status.ts";
import type { ListStatus } from "../generation/list-requests.ts";
import type { WafStatus } from "../generation/waf-status.ts";
import type { CacheFigures } from "../primitives/cache/route-figures.ts";

/** What `/api/status` answers and the status page shows. Plain data: it crosses threads and becomes JSON. */
export interface ProxyStatus {
  readonly version: string;
  readonly mode: "dev" | "start";
  /** `"broken"`: `dev` has no generation yet because the config has an error. */
  readonly state: "starting" | "live" | "broken" | "draining" | "stopped";
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly configFile: string;
  readonly generation: GenerationStatus | undefined;
  readonly lastReload: ReloadStatus | undefined;
  /** npm packages that changed on disk since they were loaded. */
  readonly restartToPickUp: readonly string[];
  readonly listeners: readonly ListenerStatus[];
  readonly upstreams: readonly UpstreamStatus[];
  /** Replaced generations that still run. */
  readonly retiring: readonly RetiringStatus[];
  readonly traffic: TrafficStatus;
  /** Absent while there is no generation. */
  readonly held?: HeldStatus | undefined;
  /** Absent where nothing is inspected. */
  readonly waf?: WafStatus | undefined;
  /** Absent where no route caches. */
  readonly cache?: CacheFigures | undefined;
  /** Absent where nothing is counted. */
  readonly limits?: readonly LimitStatus[] | undefined;
  /** Absent without IP lists. */
  readonly lists?: readonly ListStatus[] | undefined;
}

export interface GenerationStatus {
  readonly number: number;
  readonly digest: string;
  /** When it went live. */
  readonly since: string;
}

export interface ReloadStatus {
  readonly at: string;
  readonly outcome: "live" | "unchanged" | "failed";
  readonly durationMs: number;
  /** Stage and issues of a failure. Kept until a load succeeds. */
  readonly problem: ReloadProblem | undefined;
}

export interface ReloadProblem {
  readonly stage: string;
  readonly issues: readonly StatusIssue[];
}

export interface StatusIssue {
  readonly path: string;
  readonly message: string;
  readonly expected?: string;
  readonly got?: string;
  readonly fix?: string;
  readonly place?: { readonly file: string; readonly line: number; readonly column: number };
  readonly frame?: string;
}

export interface ListenerStatus {
  readonly url: string;
  readonly connections: number;
  /** Of one with TLS: those that it has now, the soonest to end first, at most {@link MAX_CERTIFICATES}. */
  readonly certificates: readonly CertificateStatus[];
  /** How many there are altogether. */
  readonly certificateCount: number;
  /** Of each source that finds certificates for the names that clients ask for; empty without one. */
  readonly onDemand: readonly OnDemandStatus[];
}

/** Certificates by name: `tls.acme` with `onDemand`, or `tls.onServerName`. */
export interface OnDemandStatus {
  readonly from: "acme" | "onServerName";
  /** Names that are remembered, with a certificate or without. */
  readonly names: number;
  readonly certificates: number;
  /** Names that handshakes wait for now. */
  readonly waiting: number;
  /** Refused not long ago. */
  readonly refused: number;
  /** Whose last attempt failed. A certificate from before may still be in use. */
  readonly failed: number;
  /** At most 20 of them. */
  readonly failures: readonly {
    readonly name: string;
    readonly reason: string;
    /** Not before then. */
    readonly triedAgain: string;
  }[];
}

/** What one certificate's gauge and row are made of. */
export interface CertificateStatus {
  /** At most {@link MAX_NAMES}. */
  readonly names: readonly string[];
  /** File, folder, or whatever else it comes from. */
  readonly from: string;
  readonly expires: string;
  /** Negative once it has expired. */
  readonly secondsLeft: number;
}

/** Of a listener in the status: with thousands, those that end soon are what matters. */
export const MAX_CERTIFICATES = 100;
/** Of a certificate in the status. */
export const MAX_NAMES = 10;

export interface UpstreamStatus {
  readonly name: string;
  readonly open: number;
  readonly idle: number;
  readonly active: number;
  readonly queued: number;
  /** How often a target came into each state. */
  readonly stateChanges: Readonly<Record<string, number>>;
  /** Empty for an app in this process. */
  readonly targets: readonly TargetStatus[];
}

export interface TargetStatus {
  readonly key: string;
  readonly state: string;
  readonly draining: boolean;
  readonly open: number;
  readonly idle: number;
  readonly active: number;
  readonly weight: number;
  readonly priority: number;
  readonly latencyMs: number;
  readonly lastError: { readonly message: string; readonly at: number } | undefined;
}

export interface RetiringStatus {
  readonly number: number;
  readonly leases: number;
  readonly background: number;
}

export interface TrafficStatus {
  readonly leases: number;
  readonly background: number;
  /** Over all generations. */
  readonly requests: number;
  readonly streams: number;
  readonly tunnels: number;
}
