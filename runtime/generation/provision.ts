import type { LoadedConfig } from "../config/load.ts";
import type { Log } from "../log.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { ResourceRegistry } from "./resources.ts";

/** What a generation runs on, made from options in this one place. */
export interface Provisioned {
  readonly pipeline: Pipeline;
  /** Upgrade tokens that any route allows, lower case. */
  readonly upgradeTokens: ReadonlySet<string>;
  /** Fills `adjust`-able options of shared resources (caps, time limits) in place: called at commit, never before. */
  commit(): void;
  /** Gives back every resource and runs the plugins' disposers. */
  dispose(): Promise<void>;
}

export interface ProvisionOptions {
  readonly loaded: LoadedConfig;
  readonly resources: ResourceRegistry;
  readonly log: Log;
  /** Called when a request starts and when it no longer needs the generation. */
  readonly lease: { acquire(): void; release(): void };
  /** Work that outlives its request. */
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

export type Provision = (options: ProvisionOptions) => Promise<Provisioned>;
