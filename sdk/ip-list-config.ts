import type { Duration, Size } from "./units.ts";

/** Where decisions come from. */
export interface CrowdSecSource {
  /** Of the local API: `"http://127.0.0.1:8080"`. */
  readonly url: string;
  /** A bouncer's. Each list needs one of its own: the API remembers by the key what it has told already. */
  readonly key: string;
  /** Kinds of decisions that count: `"ban"`, `"captcha"` or one of your own. Default `["ban"]`. */
  readonly types?: readonly string[];
}

/** Addresses and where they come from: `ranges`, and at most one of `file`, `url` and `crowdsec`. */
export interface IpListConfig {
  /** Addresses and CIDR ranges. Default: none. */
  ranges?: readonly string[];
  /** A file with one entry a line; watched. Default: none. */
  file?: string;
  /** A list to fetch again and again. The last good one is kept in `dataDir`. Default: none. */
  url?: string;
  /** Decisions of a CrowdSec local API. Default: none. */
  crowdsec?: CrowdSecSource;
  /** The file or answer is CSV: the column of the address, from 0. Default: one entry a line. */
  column?: number;
  /** How often the source is asked, give or take a tenth. Default `"15m"`, for CrowdSec `"10s"`. */
  interval?: Duration;
  /** For one answer. Default `"30s"`. */
  timeout?: Duration;
  /** Of a file or answer. Default `"64mb"`. */
  maxSize?: Size;
  /** A list from a URL that loses more than this share is refused. Default 0.5. */
  maxShrink?: number;
}

/** What becomes of clients on the list. */
export interface BlocklistConfig extends IpListConfig {
  /**
   * `"drop"`: the connection is closed, before TLS where the peer is the client. `"block"`: 403. `"score"`: go on, with
   * `points` in `ctx.score`. `"challenge"`: the same, and only with a clearance; it needs `challenge`. Default `"block"`.
   */
  mode?: "drop" | "block" | "challenge" | "score";
  /** For `"score"` and `"challenge"`. Default 5. */
  points?: number;
}

/** A list for hooks: what is added is gone after its time, or with the process. */
export interface IpListView {
  /** Default: the client of this request. */
  has(address?: string): boolean;
  /** An address or CIDR range, for a time or for ever. False if it is none, or there are 100000 already. */
  add(range: string, duration?: Duration): boolean;
  /** Takes it out, whatever the source says, for a time or for ever. */
  remove(range: string, duration?: Duration): boolean;
}
