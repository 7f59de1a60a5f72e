/** What one listener takes from its clients. Every one is bounded; `config/` fills in the defaults. */
export interface ListenerLimits {
  readonly headBytes: number;
  readonly targetBytes: number;
  /** From the first byte (or the connection, where none has come) to the end of the head. */
  readonly headTimeMs: number;
  /** Without a byte of content that somebody waits for. */
  readonly contentIdleMs: number;
  /** In which a client may take nothing of what waits for it. */
  readonly sendIdleMs: number;
  /** Between two requests. */
  readonly keepAliveMs: number;
  readonly connections: number;
  /** Of one client address, IPv6 by its /64. */
  readonly connectionsPerAddress: number;
  /** Requests of one connection that wait for those before them. */
  readonly pipelined: number;
  /** HTTP/2: requests of one connection under way at the same time. */
  readonly concurrentStreams: number;
  /** HTTP/2: requests that a client may cancel at once. */
  readonly resets: number;
  /** HTTP/2: PING and SETTINGS frames at once. */
  readonly controlFrames: number;
}
