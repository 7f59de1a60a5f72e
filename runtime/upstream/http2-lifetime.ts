import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";

/**
 * Node (24.21 and 26.10) ends the whole process with `current_nghttp2_memory_ == 0` when a session's native half is
 * collected before that of a stream whose head nghttp2 refused, because the stream still holds header memory of the
 * session. An upstream that answers without `:status` is enough. So each stream's native half holds its session's: what
 * a finalization registry keeps for an object lives until that object is collected.
 *
 * The halves are found by the names of node's symbols. Where they are not found, nothing is held, as in node itself.
 */
export function holdSessionWhileCollectable(
  stream: ClientHttp2Stream,
  session: ClientHttp2Session,
): void {
  const streamHalf = nativeHalf(stream);
  const sessionHalf = nativeHalf(session);
  if (streamHalf !== undefined && sessionHalf !== undefined) {
    sessions.register(streamHalf, sessionHalf);
  }
}

const sessions = new FinalizationRegistry<object>(() => {});

/** node's symbol for it, once it has been seen. */
let handleSymbol: symbol | undefined;

function nativeHalf(owner: object): object | undefined {
  handleSymbol ??= Object.getOwnPropertySymbols(owner).find(
    (symbol) => symbol.description === "kHandle",
  );
  if (handleSymbol === undefined) return undefined;
  const half: unknown = (owner as Record<symbol, unknown>)[handleSymbol];
  return typeof half === "object" && half !== null ? half : undefined;
}
