/**
 * A client of bytes: sends exactly what a test says and parses what comes back strictly, on one TCP connection.
 * Every wait has a deadline, so a server that never answers fails a test instead of hanging it.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const DEFAULT_TIMEOUT_MS = 5_000;

export interface RawResponse {
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  /** Flat `[name, value, …]` as received, Latin-1. */
  readonly fields: readonly string[];
  readonly content: Buffer;
  readonly trailers: readonly string[];
  /** The head as it came, without its empty line. */
  readonly head: string;
  /** How the length was known. Over HTTP/2 without a length: `"chunked"`. */
  readonly framing: "none" | "length" | "chunked" | "close";
}

export interface ReadOptions {
  /** The request was a HEAD: the response has no content whatever its fields say. */
  readonly head?: boolean;
  readonly timeoutMs?: number;
}

/** The first value of a field, or undefined. */
export function fieldOf(response: RawResponse, name: string): string | undefined {
  return fieldsOf(response, name)[0];
}

/** All values of a field, in order. */
export function fieldsOf(response: RawResponse, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < response.fields.length; i += 2) {
    if (response.fields[i]!.toLowerCase() === name.toLowerCase())
      values.push(response.fields[i + 1]!);
  }
  return values;
}

/** Opens a connection; resolves when it is established. */
export async function connectRaw(
  port: number,
  host = "127.0.0.1",
  localAddress = host,
): Promise<RawClient> {
  const socket = connect({ port, host, localAddress, allowHalfOpen: true, noDelay: true });
  const client = new RawClient(socket);
  await once(socket, "connect");
  return client;
}

/** Sends one piece of text, returns all that came back until the server closed. */
export async function exchangeRaw(
  port: number,
  bytes: string | Uint8Array,
  timeoutMs?: number,
): Promise<{ bytes: Buffer; reset: boolean }> {
  const client = await connectRaw(port);
  client.send(bytes);
  return client.readUntilClose(timeoutMs);
}

export class RawClient {
  readonly socket: Socket;
  /** Received and not yet taken by a read. Joined only when somebody looks, so that megabytes stay cheap. */
  #chunks: Buffer[] = [];
  #size = 0;
  #ended = false;
  #reset = false;
  #waiting: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#size += chunk.length;
      this.#wake();
    });
    socket.on("end", () => this.#over());
    socket.on("close", () => this.#over());
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#reset ||= error.code === "ECONNRESET" || error.code === "EPIPE";
    });
  }

  /** The server closed its side (FIN or reset). */
  get ended(): boolean {
    return this.#ended;
  }

  /** The connection ended by a reset. */
  get wasReset(): boolean {
    return this.#reset;
  }

  /** Text goes out as Latin-1: one byte a character. Resolves when the kernel has it all. */
  send(bytes: string | Uint8Array): Promise<void> {
    const chunk = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    return new Promise((resolve) => {
      this.socket.write(chunk, () => resolve());
    });
  }

  /** The next response, 1xx included. Throws at the deadline, at a premature end and on broken framing. */
  async response(options: ReadOptions = {}): Promise<RawResponse> {
    const deadline = Date.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const headEnd = await this.#find("\r\n\r\n", deadline);
    const head = this.#take(headEnd + 4)
      .subarray(0, headEnd)
      .toString("latin1");
    const [statusLine = "", ...lines] = head.split("\r\n");
    const parsed = /^(HTTP\/\d\.\d) (\d{3}) ?(.*)$/.exec(statusLine);
    if (parsed === null) throw new Error(`no status line: ${JSON.stringify(statusLine)}`);
    const status = Number(parsed[2]);
    const fields = toFields(lines);
    const lower = new Map<string, string>();
    for (let i = 0; i < fields.length; i += 2) lower.set(fields[i]!.toLowerCase(), fields[i + 1]!);
    let content: Buffer = Buffer.alloc(0);
    let trailers: string[] = [];
    let framing: RawResponse["framing"] = "none";
    if (options.head !== true && status >= 200 && status !== 204 && status !== 304) {
      const coding = lower.get("transfer-encoding");
      const length = lower.get("content-length");
      if (coding !== undefined && length !== undefined) throw new Error("both length and coding");
      if (coding?.toLowerCase() === "chunked") {
        framing = "chunked";
        [content, trailers] = await this.#chunked(deadline);
      } else if (coding !== undefined) {
        throw new Error(`unknown coding ${coding}`);
      } else if (length !== undefined) {
        framing = "length";
        if (!/^\d+$/.test(length)) throw new Error(`bad length ${length}`);
        content = await this.#bytes(Number(length), deadline);
      } else {
        framing = "close";
        await this.#until(() => this.#ended, deadline, "close");
        content = this.#take(this.#size);
      }
    }
    const version = parsed[1]!;
    return { version, status, reason: parsed[3]!, fields, content, trailers, head, framing };
  }

  /** The next response that is not a 1xx. */
  async finalResponse(options: ReadOptions = {}): Promise<RawResponse> {
    for (;;) {
      const response = await this.response(options);
      if (response.status >= 200 || response.status === 101) return response;
    }
  }

  /** Exactly `length` bytes. */
  read(length: number, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<Buffer> {
    return this.#bytes(length, Date.now() + timeoutMs);
  }

  /** All bytes up to and with `text`. */
  async readThrough(text: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<string> {
    const at = await this.#find(text, Date.now() + timeoutMs);
    return this.#take(at + text.length).toString("latin1");
  }

  /** Everything until the server closes; `reset` says whether it did so with a RST. */
  async readUntilClose(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<{ bytes: Buffer; reset: boolean }> {
    await this.#until(() => this.#ended, Date.now() + timeoutMs, "close");
    const bytes = this.#take(this.#size);
    this.socket.destroy();
    return { bytes, reset: this.#reset };
  }

  /** Whether the server closes within the time. */
  async closes(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<boolean> {
    try {
      await this.#until(() => this.#ended, Date.now() + timeoutMs, "close");
      return true;
    } catch {
      return false;
    }
  }

  /** FIN; what the server still sends can be read. */
  end(): void {
    this.socket.end();
  }

  /** RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #chunked(deadline: number): Promise<[Buffer, string[]]> {
    const chunks: Buffer[] = [];
    for (;;) {
      const lineEnd = await this.#find("\r\n", deadline);
      const line = this.#take(lineEnd + 2)
        .subarray(0, lineEnd)
        .toString("latin1");
      if (!/^[0-9a-fA-F]+$/.test(line)) throw new Error(`bad chunk size ${JSON.stringify(line)}`);
      const size = Number.parseInt(line, 16);
      if (size === 0) break;
      chunks.push(await this.#bytes(size, deadline));
      if ((await this.#bytes(2, deadline)).toString("latin1") !== "\r\n")
        throw new Error("chunk without CRLF");
    }
    const lines: string[] = [];
    for (;;) {
      const lineEnd = await this.#find("\r\n", deadline);
      const line = this.#take(lineEnd + 2)
        .subarray(0, lineEnd)
        .toString("latin1");
      if (line === "") return [Buffer.concat(chunks), toFields(lines)];
      lines.push(line);
    }
  }

  async #bytes(length: number, deadline: number): Promise<Buffer> {
    await this.#until(() => this.#size >= length || this.#ended, deadline, `${length} bytes`);
    if (this.#size < length) {
      throw new Error(`closed after ${this.#size} of ${length} bytes`);
    }
    return this.#take(length);
  }

  async #find(text: string, deadline: number): Promise<number> {
    // Only what is new, and the seam: joining all of it at each chunk would take seconds for megabytes.
    const tail: Buffer[] = [];
    let seen = 0;
    let found = -1;
    const search = (): number => {
      if (found >= 0 || this.#size === seen) return found;
      const fresh = this.#from(seen);
      const before = Buffer.concat(tail);
      const at = Buffer.concat([before, fresh]).indexOf(text, 0, "latin1");
      if (at >= 0) found = seen - before.length + at;
      const all = before.length + fresh.length;
      const keep = Math.min(all, text.length - 1);
      const joined = keep > fresh.length ? Buffer.concat([before, fresh]) : fresh;
      tail.splice(0, tail.length, joined.subarray(joined.length - keep));
      seen = this.#size;
      return found;
    };
    await this.#until(() => search() >= 0 || this.#ended, deadline, JSON.stringify(text));
    const at = search();
    if (at < 0) {
      const got = this.#joined().subarray(0, 200).toString("latin1");
      throw new Error(`closed before ${JSON.stringify(text)}; got ${JSON.stringify(got)}`);
    }
    return at;
  }

  #take(length: number): Buffer {
    const all = this.#joined();
    this.#chunks = length < all.length ? [all.subarray(length)] : [];
    this.#size = all.length - length;
    return all.subarray(0, length);
  }

  /** What came after the first `at` bytes. */
  #from(at: number): Buffer {
    const parts: Buffer[] = [];
    let left = this.#size - at;
    for (let i = this.#chunks.length - 1; i >= 0 && left > 0; i--) {
      const chunk = this.#chunks[i] as Buffer;
      parts.unshift(chunk.length > left ? chunk.subarray(chunk.length - left) : chunk);
      left -= chunk.length;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  #joined(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }

  async #until(condition: () => boolean, deadline: number, what: string): Promise<void> {
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0) {
        const got = this.#joined().subarray(0, 200).toString("latin1");
        throw new Error(`no ${what} in time; got ${JSON.stringify(got)}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#waiting = undefined;
    }
  }

  #over(): void {
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.();
  }
}

function toFields(lines: readonly string[]): string[] {
  const fields: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw new Error(`bad field line ${JSON.stringify(line)}`);
    fields.push(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}
