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
}

export interface UpstreamStatus {
  readonly name: string;
  readonly open: number;
  readonly idle: number;
  readonly active: number;
  readonly queued: number;
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
