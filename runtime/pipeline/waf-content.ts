import { isProxyError } from "../errors.ts";
import type { ContentSink, ContentSource } from "../http/content.ts";
import { parseCodings, type Coding } from "../http/content-codings.ts";
import { countField, fieldValue, listValue } from "../http/raw-fields.ts";
import { createInflateForInspection } from "../primitives/content-buffer/inflate.ts";
import { decodeBytes } from "../primitives/content-coding/coding.ts";
import type { Inspection } from "../primitives/waf/inspection.ts";
import { contentKind } from "../primitives/waf/parse/content.ts";
import { MultipartExtract } from "../primitives/waf/parse/multipart-extract.ts";
import type { Flow } from "./flow.ts";
import type { WafUse } from "./waf-plan.ts";

/** Content up to here is inspected at once; more in slices, between which other requests have their turn. */
const AT_ONCE_BYTES = 8 * 1024;
const SLICE_MS = 5;
/** Time on the processor for one content: what bytes and depths allow stays far below it. */
const MAX_WORK_MS = 2000;
/** Honest texts shrink to a twentieth at most. */
const MAX_RATIO = 100;
/** Of content whose type is no text: enough to see whether it is one. */
const SNIFFED_BYTES = 1024;

const inflateForInspection = createInflateForInspection<Coding>(decodeBytes);

/**
 * Runs the rules on a content that is here: the fields say what it is, `maxInspectBytes` how much of it is looked at. What
 * cannot be looked at becomes an anomaly. `undefined`: done already. Rejects only where a rule of the config's fails.
 */
export function inspectContent(flow: Flow, use: WafUse): Promise<void> | undefined {
  const { inspection } = use;
  const { fields } = flow.exchange;
  const contentType = fieldValue(fields, "content-type");
  if (countField(fields, "content-type") > 1) {
    inspection.anomaly("content-type-repeated", "");
  }
  const coding = listValue(fields, "content-encoding");
  const codings = parseCodings(coding);
  if (codings === undefined) {
    inspection.anomaly("content-coding", coding ?? "");
    return undefined;
  }
  const bytes = flow.buffer === undefined ? flow.content?.bytes : flow.buffer.bytes;
  const atOnce = Math.min(AT_ONCE_BYTES, use.plan.maxInspectBytes);
  if (bytes !== undefined && codings.length === 0 && bytes.byteLength <= atOnce) {
    inspection.inspectContent(bytes, contentType);
    return undefined;
  }
  return inspectLarge(flow, use, contentType, codings, bytes);
}

async function inspectLarge(
  flow: Flow,
  { plan, inspection }: WafUse,
  contentType: string | undefined,
  codings: readonly Coding[],
  bytes: Uint8Array | undefined,
): Promise<void> {
  const max = plan.maxInspectBytes;
  const beginning = bytes ?? (await readBeginning(source(flow), SNIFFED_BYTES));
  let text: Uint8Array | undefined;
  if (codings.length > 0) {
    const coded = bytes ?? (await readBeginning(source(flow), max + 1));
    text = await inflated(inspection, coded, codings, max);
  } else {
    switch (contentKind(contentType, beginning)) {
      case "binary":
        return;
      case "multipart": {
        const extract = new MultipartExtract(contentType as string, max);
        if (bytes === undefined) await read(source(flow), extract);
        else extract.push(bytes);
        text = extract.finish();
        if (extract.isFull) inspection.anomaly("content-too-large", "");
        break;
      }
      case "text":
        text = bytes ?? (await readBeginning(source(flow), max + 1));
        if (text.byteLength > max) inspection.anomaly("content-too-large", "");
        text = text.subarray(0, max);
    }
  }
  if (text === undefined || isOver(flow)) return;
  inspection.startContent(text, contentType);
  let spentMs = 0;
  for (;;) {
    const began = process.threadCpuUsage();
    if (inspection.work(SLICE_MS)) return;
    const { user, system } = process.threadCpuUsage(began);
    spentMs += (user + system) / 1000;
    if (spentMs > MAX_WORK_MS) inspection.giveUp("too-long", "");
    await nextTurn();
    if (isOver(flow)) return;
  }
}

async function inflated(
  inspection: Inspection,
  coded: Uint8Array,
  codings: readonly Coding[],
  max: number,
): Promise<Uint8Array | undefined> {
  if (coded.byteLength > max) {
    inspection.anomaly("content-too-large", codings.join());
    return undefined;
  }
  try {
    return await inflateForInspection(coded as Uint8Array<ArrayBuffer>, codings, max, MAX_RATIO);
  } catch (error) {
    const isTooLarge = isProxyError(error) && error.code === "PROXY_CONTENT_TOO_LARGE";
    inspection.anomaly(isTooLarge ? "content-too-large" : "content-coding", codings.join());
    return undefined;
  }
}

function source(flow: Flow): ContentSource {
  return flow.buffer === undefined ? (flow.content as ContentSource) : flow.buffer.asSource();
}

async function readBeginning(content: ContentSource, bytes: number): Promise<Uint8Array> {
  const beginning = new Beginning(bytes);
  await read(content, beginning);
  return Buffer.concat(beginning.chunks, Math.min(bytes, beginning.size));
}

interface Reader {
  push(chunk: Uint8Array): void;
  /** It wants no more. */
  readonly isFull: boolean;
}

class Beginning implements Reader {
  readonly chunks: Uint8Array[] = [];
  readonly #bytes: number;
  size = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get isFull(): boolean {
    return this.size >= this.#bytes;
  }

  push(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.size += chunk.byteLength;
  }
}

function read(content: ContentSource, reader: Reader): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink: ContentSink = {
      onData(chunk) {
        reader.push(chunk);
        if (!reader.isFull) return;
        content.cancel();
        resolve();
      },
      onEnd: () => resolve(),
      onError: reject,
    };
    content.open(sink);
  });
}

function isOver({ stage }: Flow): boolean {
  return stage === "over";
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
