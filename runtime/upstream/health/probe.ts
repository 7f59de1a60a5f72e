import type { Socket } from "node:net";

import { openSocket, openTcp, secureSocket, type SocketTerms } from "../open-socket.ts";
import type { TargetMember } from "../targets/target-member.ts";

/**
 * Looks at a target once. Resolves with what is wrong with it, or `undefined` if nothing is. When the signal aborts,
 * everything that it opened is closed, whatever it resolves with then.
 */
export type Probe = (member: TargetMember, signal: AbortSignal) => Promise<string | undefined>;

/** How connections for checks are made: as those for requests. */
export interface ProbeTerms {
  readonly socket: SocketTerms;
  readonly http2: boolean;
  /** The PROXY header of a connection of our own; empty for none. */
  readonly preface: string;
}

/** A connection on which a request can be written at once. */
export function openForRequest(
  member: TargetMember,
  terms: ProbeTerms,
  protocols: string[],
  signal: AbortSignal,
): Promise<Socket> | Socket {
  if (terms.preface === "") return openSocket(member, terms.socket, protocols);
  const socket = openTcp(member.target, terms.socket);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      socket.destroy();
      reject(new Error(GIVEN_UP));
    };
    signal.addEventListener("abort", onAbort);
    socket.once("error", reject);
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      socket.write(terms.preface, "latin1");
      if (member.target.scheme === "http") resolve(socket);
      else resolve(secureSocket(socket, member, terms.socket.tls, protocols));
    });
  });
}

/** Runs a check on a socket that is closed with its end, whoever ends it; only then is the check over. */
export function untilDone(
  socket: Socket,
  signal: AbortSignal,
  run: (done: (failure: string | undefined) => void) => void,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let result: { failure: string | undefined } | undefined;
    const done = (failure: string | undefined): void => {
      if (result !== undefined) return;
      result = { failure };
      // What was written (a PROXY header) goes out before.
      socket.destroySoon();
    };
    const onAbort = (): void => {
      done(GIVEN_UP);
      socket.destroy();
    };
    signal.addEventListener("abort", onAbort);
    socket.on("error", (error: NodeJS.ErrnoException) => done(describe(error)));
    socket.once("close", () => {
      signal.removeEventListener("abort", onAbort);
      resolve(result === undefined ? "the connection was closed" : result.failure);
    });
    if (signal.aborted) onAbort();
    else run(done);
  });
}

const GIVEN_UP = "given up";

/** Never the stack: it ends up in a log line and on the status page. */
export function describe(error: NodeJS.ErrnoException): string {
  // Both families were tried: the first failure stands for all.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : String(first);
}
