/**
 * HTTP/2 frame by frame (RFC 9113 §4): a client that sends exactly what a test says, broken or not, and tells what came
 * back. Field blocks are literals without indexing (RFC 7541 §6.2.2), so that nothing stands between a test and the bytes;
 * those of the server are not decoded, but for the status.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const TYPE = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const FLAG = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 0x20 } as const;

export const CODE = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  ENHANCE_YOUR_CALM: 11,
} as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Any frame; `length` overrides the true one. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
  length: number = payload.length,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

export type FieldList = readonly (readonly [name: string, value: string])[];

/** A field block of literals. Text is Latin-1. */
export function fieldBlock(fields: FieldList): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of fields) parts.push(Buffer.from([0]), string(name), string(value));
  return Buffer.concat(parts);
}

/** RFC 7541 §5.2, without Huffman coding. */
function string(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

/** RFC 7541 §5.1. */
function integer(value: number, prefix: number): Buffer {
  const max = (1 << prefix) - 1;
  if (value < max) return Buffer.from([value]);
  const bytes = [max];
  let rest = value - max;
  while (rest >= 128) {
    bytes.push((rest & 127) | 128);
    rest >>= 7;
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

export const GET: FieldList = [
  [":method", "GET"],
  [":scheme", "http"],
  [":authority", "a.test"],
  [":path", "/"],
];

/** `GET` with fields of its own: those that replace a pseudo-field take its place, others come last. */
export function request(...fields: FieldList): FieldList {
  const replaced = GET.map(
    ([name, value]) => fields.find(([other]) => other === name) ?? [name, value],
  );
  const added = fields.filter(([name]) => !GET.some(([known]) => known === name));
  return [...(replaced as FieldList), ...added];
}

export const POST: FieldList = request([":method", "POST"]);

export function headers(stream: number, fields: FieldList = GET, endStream = true): Buffer {
  const flags = FLAG.END_HEADERS | (endStream ? FLAG.END_STREAM : 0);
  return frame(TYPE.HEADERS, flags, stream, fieldBlock(fields));
}

export function data(stream: number, text: string | Uint8Array, endStream = false): Buffer {
  const payload = typeof text === "string" ? Buffer.from(text, "latin1") : text;
  return frame(TYPE.DATA, endStream ? FLAG.END_STREAM : 0, stream, payload);
}

export function rstStream(stream: number, code: number = CODE.CANCEL): Buffer {
  return frame(TYPE.RST_STREAM, 0, stream, uint32(code));
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(TYPE.WINDOW_UPDATE, 0, stream, uint32(increment));
}

export function ping(payload = "12345678", flags = 0): Buffer {
  return frame(TYPE.PING, flags, 0, Buffer.from(payload));
}

export function settings(...values: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(values.length * 6);
  values.forEach(([id, value], at) => {
    payload.writeUInt16BE(id, at * 6);
    payload.writeUInt32BE(value, at * 6 + 2);
  });
  return frame(TYPE.SETTINGS, 0, 0, payload);
}

export function goaway(lastStream: number, code: number): Buffer {
  return frame(TYPE.GOAWAY, 0, 0, Buffer.concat([uint32(lastStream), uint32(code)]));
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** Opens a connection and greets, unless a test wants to do that itself. */
export async function connectFrames(
  port: number,
  options: { readonly greet?: boolean; readonly settings?: Buffer } = {},
): Promise<FrameClient> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  const client = new FrameClient(socket);
  await once(socket, "connect");
  if (options.greet !== false) {
    client.send(PREFACE, options.settings ?? settings());
    await client.frame(({ type, flags }) => type === TYPE.SETTINGS && flags === 0);
    client.send(frame(TYPE.SETTINGS, FLAG.ACK, 0));
  }
  return client;
}

const DEFAULT_TIMEOUT_MS = 3000;

export class FrameClient {
  readonly socket: Socket;
  /** All that came, in order. */
  readonly frames: Frame[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #ended = false;
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", () => {});
    const over = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.on("end", over);
    socket.on("close", over);
  }

  /** The server has closed its side. */
  get ended(): boolean {
    return this.#ended;
  }

  send(...frames: readonly Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  /** The first frame, past or to come, that satisfies the condition. */
  async frame(
    condition: (frame: Frame) => boolean,
    timeoutMs: number = DEFAULT_TIMEOUT_MS,
  ): Promise<Frame> {
    await this.#until(() => this.#ended || this.frames.some(condition), timeoutMs);
    const found = this.frames.find(condition);
    if (found === undefined) throw new Error(`no such frame; got ${this.describe()}`);
    return found;
  }

  /** Error code of the RST_STREAM, or of the GOAWAY, or that the server closed: whichever way it refused. */
  async refusal(
    stream: number,
    timeoutMs: number = DEFAULT_TIMEOUT_MS,
  ): Promise<{ kind: "stream" | "connection" | "close"; code: number | undefined }> {
    const isReset = (one: Frame): boolean => one.type === TYPE.RST_STREAM && one.stream === stream;
    const isGoaway = (one: Frame): boolean => one.type === TYPE.GOAWAY;
    await this.#until(
      () => this.#ended || this.frames.some((one) => isReset(one) || isGoaway(one)),
      timeoutMs,
    );
    const reset = this.frames.find(isReset);
    if (reset !== undefined) return { kind: "stream", code: reset.payload.readUInt32BE(0) };
    const goodbye = this.frames.find(isGoaway);
    if (goodbye !== undefined) return { kind: "connection", code: goodbye.payload.readUInt32BE(4) };
    if (this.#ended) return { kind: "close", code: undefined };
    throw new Error(`nothing was refused; got ${this.describe()}`);
  }

  /** `:status` of a response, which nghttp2 writes as an index or as a literal of three digits. */
  async status(stream: number, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<number> {
    const head = await this.frame(
      (one) => one.type === TYPE.HEADERS && one.stream === stream,
      timeoutMs,
    );
    return statusOf(head.payload);
  }

  /** Resolves when the stream has its END_STREAM; with the DATA bytes of it. */
  async content(stream: number, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<Buffer> {
    await this.frame(
      ({ type, flags, stream: id }) =>
        id === stream &&
        (type === TYPE.DATA || type === TYPE.HEADERS) &&
        (flags & FLAG.END_STREAM) !== 0,
      timeoutMs,
    );
    return this.received(stream);
  }

  /** DATA bytes of a stream so far. */
  received(stream: number): Buffer {
    return Buffer.concat(
      this.frames
        .filter((one) => one.type === TYPE.DATA && one.stream === stream)
        .map((one) => one.payload),
    );
  }

  /** Whether the connection still answers. */
  async isAlive(): Promise<boolean> {
    const mark = `m${String(Math.random()).slice(2, 9)}`;
    this.send(ping(mark));
    await this.#until(() => this.#ended || this.#hasPong(mark), DEFAULT_TIMEOUT_MS);
    return this.#hasPong(mark);
  }

  /** Resolves when the server has closed; rejects if it does not. */
  async closed(timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<void> {
    await this.#until(() => this.#ended, timeoutMs);
    if (!this.#ended) throw new Error(`not closed; got ${this.describe()}`);
  }

  count(type: number): number {
    return this.frames.filter((one) => one.type === type).length;
  }

  destroy(): void {
    this.socket.destroy();
  }

  describe(): string {
    return this.frames
      .map(({ type, flags, stream, payload }) => {
        const name = Object.keys(TYPE)[type] ?? String(type);
        return `${name}(${stream}, flags ${flags}, ${payload.toString("hex").slice(0, 24)})`;
      })
      .join(" ");
  }

  #hasPong(mark: string): boolean {
    return this.frames.some(
      (one) => one.type === TYPE.PING && one.flags === FLAG.ACK && one.payload.toString() === mark,
    );
  }

  #receive(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < 9 + length) break;
      this.frames.push({
        type: this.#rest[3] as number,
        flags: this.#rest[4] as number,
        stream: this.#rest.readUInt32BE(5) & 0x7fffffff,
        payload: this.#rest.subarray(9, 9 + length),
      });
      this.#rest = this.#rest.subarray(9 + length);
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async #until(condition: () => boolean, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, left);
        const waiting = this.#waiting;
        waiting.add(done);
        function done(): void {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        }
      });
    }
  }
}

const INDEXED_STATUS: Readonly<Record<number, number>> = {
  0x88: 200,
  0x89: 204,
  0x8a: 206,
  0x8b: 304,
  0x8c: 400,
  0x8d: 404,
  0x8e: 500,
};

/** RFC 7541: the static table has seven statuses; others come as a literal, Huffman-coded or not. */
function statusOf(block: Buffer): number {
  const first = block[0] as number;
  const indexed = INDEXED_STATUS[first];
  if (indexed !== undefined) return indexed;
  // After a change of the table's size (001xxxxx) the field follows.
  if ((first & 0xe0) === 0x20) return statusOf(block.subarray(1));
  const length = block[1] as number;
  const bytes = block.subarray(2, 2 + (length & 0x7f));
  return Number((length & 0x80) === 0 ? bytes.toString() : digits(bytes));
}

/** RFC 7541 Appendix B, the digits only: 0 to 2 have five bits, 3 to 9 six. */
function digits(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  let text = "";
  for (let at = 0; text.length < 3;) {
    const five = Number.parseInt(bits.slice(at, at + 5), 2);
    if (five <= 2) {
      text += String(five);
      at += 5;
    } else {
      text += String(Number.parseInt(bits.slice(at, at + 6), 2) - 0x19 + 3);
      at += 6;
    }
  }
  return text;
}
