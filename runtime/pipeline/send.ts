import { ProxyError } from "../errors.ts";
import type { ContentSink, ContentSource } from "../http/content.ts";
import { parseCodings } from "../http/content-codings.ts";
import { forwardableTrailers } from "../http/hop-by-hop.ts";
import { fieldValue, removeField, type RawFields } from "../http/raw-fields.ts";
import { SLICE_BYTES } from "../http/readable-source.ts";
import { hasNoContent } from "../http/status.ts";
import { unknownCodingError } from "../primitives/content-coding/coding.ts";
import { codedContent, planCoding } from "./compress.ts";
import type { Flow } from "./flow.ts";
import type { OutgoingResponse } from "./outgoing-response.ts";
import { addLimitFields } from "./rate-limits.ts";
import { SendAhead } from "./send-ahead.ts";
import { LARGE_CHUNK_BYTES, SentChunks } from "./sent-chunks.ts";
import { runTransforms } from "./transform/run-transforms.ts";
import { transformedFields } from "./transform/transformed-fields.ts";

/** Steps 13 (field rules) and 14: the head, then the content with back pressure from the client. */
export function send(flow: Flow): void {
  const { exchange, parts } = flow;
  const response = flow.response as OutgoingResponse;
  const fields = response.fields;

  // Here and not when the head arrives: this one is for this client, what may be stored is for all.
  if (response.source === "upstream" && flow.targetCookie !== undefined) {
    fields.push("Set-Cookie", flow.targetCookie);
  }
  if (!flow.isOwn) {
    parts.globalRules.response?.(fields);
    if (response.source === "upstream") flow.upstreamPlan?.rules.response?.(fields);
    flow.routePlan?.rules.response?.(fields);
  }
  if (flow.limitState !== undefined) addLimitFields(flow.limitState, fields);
  // An upstream must not send clients elsewhere past us.
  if (response.source === "upstream") removeField(fields, "alt-svc");
  // RFC 6797 §7.2: never over plain text.
  if (flow.scheme === "http") removeField(fields, "strict-transport-security");

  if (flow.trace !== null) {
    traceResponse(flow, response);
    return;
  }

  const transforming = response.transforms !== undefined && transformable(flow, response);
  if (transforming) {
    const coding = fieldValue(fields, "content-encoding");
    if (coding !== undefined && parseCodings(coding) === undefined) {
      // Known before the head is out, so the client gets an answer and not half a message.
      flow.fail(unknownCodingError(coding));
      return;
    }
    transformedFields(fields);
  }

  let source: ContentSource | undefined;
  if (!hasNoContent(exchange.method, response.status)) {
    source = response.buffer === undefined ? response.content : response.buffer.asSource();
    if (transforming && source !== undefined) source = transformed(flow, response, source);
  }
  // After the edits, which want the coding that the content has.
  const coding = planCoding(flow, response);
  if (coding !== undefined && source !== undefined) {
    source = codedContent(flow, response, coding, source);
  }

  flow.stage = "send";
  response.contentSpent = true;
  if (!transforming) flow.releaseLease();
  exchange.writeHead(response.status, fields);
  const now = parts.clock.monotonic();
  parts.load.answered(now, now - flow.startedTick);
  if (source === undefined) {
    // Content that nobody may send: HEAD with a hook's body, 204, 304.
    response.content?.cancel();
    exchange.end();
  } else if (source === flow.upstreamContent && !flow.upstreamContent.opened) {
    sendDirect(flow);
  } else if (source.bytes !== undefined && source.bytes.length <= SLICE_BYTES) {
    if (source.bytes.length > 0) exchange.write(source.bytes);
    exchange.end();
  } else {
    flow.sending = source;
    flow.sendsContent = true;
    source.open(new ContentPump(flow));
  }
}

/** The short way: chunks go from the upstream's socket to the client's, nothing between. */
function sendDirect(flow: Flow): void {
  const content = flow.upstreamContent;
  if (content === undefined) return;
  flow.direct = true;
  flow.sendsContent = true;
  for (const chunk of content.takeWaiting()) sendChunk(flow, chunk);
  const end = content.ended;
  if (end !== undefined) {
    if (end.error === undefined) sendEnd(flow, end.trailers);
    else flow.fail(end.error as ProxyError);
  } else if (flow.ahead?.isHeld !== true) {
    flow.call?.resume();
  }
}

/** At once, if the client has room; else it waits, and so does who it comes from when too much waits. */
export function sendChunk(flow: Flow, chunk: Uint8Array): void {
  const { ahead } = flow;
  if (ahead?.isBlocked === true) {
    ahead.push(chunk);
    return;
  }
  const hasRoom = flow.exchange.write(chunk);
  if (chunk.byteLength >= LARGE_CHUNK_BYTES) sentLarge(flow, chunk);
  if (hasRoom) return;
  if (ahead === undefined) flow.ahead = new SendAhead(flow, aheadBytes(flow));
  else ahead.block();
}

function sentLarge(flow: Flow, chunk: Uint8Array): void {
  if (flow.sent === undefined) {
    if (!flow.direct || flow.call?.givesChunksAway !== true) return;
    flow.sent = new SentChunks(flow.exchange);
  }
  flow.sent.add(chunk);
}

export function sendEnd(flow: Flow, trailers: RawFields): void {
  flow.sendsContent = false;
  if (flow.ahead === undefined) {
    flow.exchange.end(trailers.length === 0 ? trailers : forwardableTrailers(trailers));
  } else {
    flow.ahead.end(trailers);
  }
}

/** The client can take more. */
export function drained(flow: Flow): void {
  flow.ahead?.drained();
}

/** An edit holds some of a content itself; what keeps no upstream waiting need not be hurried. */
function aheadBytes(flow: Flow): number {
  const { aheadBytes: most } = flow.parts.slowReaders.limits;
  if (flow.direct) return most;
  // It is in memory already, and not for this client.
  if (flow.sending?.bytes !== undefined) return 0;
  return flow.response?.source === "upstream" ? most / 2 : 0;
}

/** Carries a source to the client: made only where the short way does not do. */
class ContentPump implements ContentSink {
  readonly #flow: Flow;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  onData(chunk: Uint8Array): void {
    sendChunk(this.#flow, chunk);
  }

  onEnd(trailers: RawFields): void {
    sendEnd(this.#flow, trailers);
  }

  onError(error: Error): void {
    this.#flow.fail(
      error instanceof ProxyError
        ? error
        : new ProxyError("PROXY_UPSTREAM_HANDLER", { cause: error }),
    );
  }
}

function transformable(flow: Flow, response: OutgoingResponse): boolean {
  if (response.status !== 206) return true;
  // A part is not the whole: an edit would not know where in the document it is.
  flow.parts.log.warn(
    { id: flow.id },
    "a 206 passes untransformed: declare `transforms: true` beside the hook, so that Range is withheld from the upstream",
  );
  return false;
}

function transformed(flow: Flow, response: OutgoingResponse, source: ContentSource): ContentSource {
  return runTransforms(source, response.transforms ?? [], {
    contentEncoding: fieldValue(response.fields, "content-encoding"),
    hookTimeoutMs: flow.parts.hookTimeoutMs,
    wheel: flow.parts.wheel,
  });
}

function traceResponse(flow: Flow, response: OutgoingResponse): void {
  const lines: string[] = [];
  for (let i = 0; i < response.fields.length; i += 2) {
    lines.push(`${response.fields[i]}: ${response.fields[i + 1]}`);
  }
  flow.trace?.push({
    phase: "response",
    text: `${response.status} from ${response.source}`,
    details: lines,
    outcome: response.source === "error" ? "failed" : "decided",
  });
  response.content?.cancel();
  flow.exchange.abort();
}
