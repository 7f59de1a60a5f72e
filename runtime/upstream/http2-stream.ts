import { constants, type ClientHttp2Stream } from "node:http2";
import { Readable } from "node:stream";

/** Whose request a stream carries. */
export interface Http2StreamUser {
  /** A head before the final one. */
  informed(status: number, raw: readonly string[]): void;
  /** The final head; `ended` if nothing follows. */
  answered(status: number, raw: readonly string[], ended: boolean): void;
  received(chunk: Buffer): void;
  trailed(raw: readonly string[]): void;
  /** END_STREAM came: the response is whole, though not all of it may have been delivered. */
  endSeen(): void;
  /** All is delivered. Node says so of streams that were cut, too. */
  ended(): void;
  drained(): void;
  /** The request's content is sent. */
  sendTrailers(stream: ClientHttp2Stream): void;
  streamFailed(error: Error): void;
  closed(stream: ClientHttp2Stream): void;
}

/** Streams carry their user: listeners are functions of this module, not closures for each request. */
const USER = Symbol("user");
type UsedStream = ClientHttp2Stream & { [USER]: Http2StreamUser };

/** For the stream's life: an error after the response must not be unheard. Content comes after {@link startData}. */
export function listenTo(stream: ClientHttp2Stream, user: Http2StreamUser): void {
  const used = stream as UsedStream;
  used[USER] = user;
  used.push = pushNotingEnd;
  used.on("headers", onHeaders);
  used.on("response", onResponse);
  used.on("trailers", onTrailers);
  used.on("end", onEnd);
  used.on("drain", onDrain);
  used.on("wantTrailers", onWantTrailers);
  used.on("error", onError);
  used.on("frameError", onFrameError);
  used.on("close", onClose);
}

export function startData(stream: ClientHttp2Stream): void {
  stream.on("data", onData);
}

/**
 * Node pushes null when END_STREAM came, and again when a stream is closed or destroyed for any other reason: only the
 * first says that the response is whole. Nothing in its events tells them apart, a reset with NO_ERROR least of all.
 */
function pushNotingEnd(this: UsedStream, chunk: unknown, encoding?: BufferEncoding): boolean {
  if (chunk === null && !this.closed && !this.destroyed) this[USER].endSeen();
  return Readable.prototype.push.call(this, chunk, encoding);
}

function onHeaders(this: UsedStream, head: object, _flags: number, raw: string[]): void {
  this[USER].informed(statusOf(head), raw);
}

function onResponse(this: UsedStream, head: object, flags: number, raw: string[]): void {
  const isEnd = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
  this[USER].answered(statusOf(head), raw, isEnd);
}

function onTrailers(this: UsedStream, _head: object, _flags: number, raw: string[]): void {
  this[USER].trailed(raw);
}

function onData(this: UsedStream, chunk: Buffer): void {
  this[USER].received(chunk);
}

function onEnd(this: UsedStream): void {
  this[USER].ended();
}

function onDrain(this: UsedStream): void {
  this[USER].drained();
}

function onWantTrailers(this: UsedStream): void {
  this[USER].sendTrailers(this);
}

function onError(this: UsedStream, error: Error): void {
  this[USER].streamFailed(error);
}

function onFrameError(this: UsedStream, _type: number, code: number): void {
  this[USER].streamFailed(new Error(`a frame could not be sent (nghttp2 ${code})`));
}

function onClose(this: UsedStream): void {
  this[USER].closed(this);
}

function statusOf(head: object): number {
  return Number((head as { ":status"?: unknown })[":status"]);
}
