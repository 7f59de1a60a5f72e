/** What the WAF has found since the process began. */
export interface WafStatus {
  /** Requests. */
  readonly inspected: number;
  /** Requests with a match that were not refused. */
  readonly flagged: number;
  /** Requests and answers. */
  readonly refused: number;
  /** Matches of each rule, the most frequent first, at most 100. */
  readonly rules: readonly { readonly rule: string; readonly matches: number }[];
}
