import { mediaTypeEssence } from "../../../http/media-type.ts";
import { isBinaryType } from "./content.ts";
import { boundaryOf, isFilePart, MAX_PART_HEAD } from "./multipart.ts";

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const CR = 0x0d;
const LF = 0x0a;

/**
 * A multipart form without what its files hold: uploads of any size are then inspected as small ones are, by the same
 * strict reader. What is not laid out as a form is kept as it comes, so that the reader sees what is wrong with it.
 */
export class MultipartExtract {
  readonly #delimiter: Buffer;
  readonly #maxBytes: number;
  readonly #isForm: boolean;
  readonly #kept: Buffer[] = [];
  #size = 0;
  #rest: Buffer = Buffer.alloc(0);
  #state: "start" | "delimiter" | "head" | "field" | "file" | "opaque";
  /** Of the file that is being read. */
  #hasDropped = false;
  /** More would have to be kept than may be. */
  isFull = false;

  constructor(contentType: string, maxBytes: number) {
    const boundary = boundaryOf(contentType);
    this.#delimiter = Buffer.from(`\r\n--${boundary ?? ""}`, "latin1");
    this.#state = boundary === undefined ? "opaque" : "start";
    this.#maxBytes = maxBytes;
    this.#isForm = mediaTypeEssence(contentType) === "multipart/form-data";
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#rest = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (!this.isFull && this.#step());
    // A chunk may be reused by whoever gave it.
    if (this.#rest.byteLength > 0) this.#rest = Buffer.from(this.#rest);
  }

  /** What is left, once all of it was pushed. */
  finish(): Uint8Array {
    if (!this.isFull && this.#state !== "file") this.#keep(this.#rest.byteLength);
    return Buffer.concat(this.#kept, this.#size);
  }

  /** False: it needs more bytes to go on. */
  #step(): boolean {
    const rest = this.#rest;
    const delimiter = this.#delimiter;
    switch (this.#state) {
      case "start": {
        // The first one stands at the very beginning: in forms without its line end.
        if (rest.byteLength < delimiter.byteLength) return false;
        const hasLineEnd = !this.#isForm && rest[0] === CR;
        const first = hasLineEnd ? delimiter : delimiter.subarray(2);
        const isThere = rest.subarray(0, first.byteLength).equals(first);
        this.#keep(isThere ? first.byteLength : 0);
        this.#state = isThere ? "delimiter" : "opaque";
        return true;
      }
      case "delimiter":
        if (rest.byteLength < 2) return false;
        this.#state = rest[0] === CR && rest[1] === LF ? "head" : "opaque";
        if (this.#state === "head") this.#keep(2);
        return true;
      case "head": {
        if (rest.byteLength < 2) return false;
        if (rest[0] === CR && rest[1] === LF) {
          // No fields at all: the empty line follows at once.
          this.#state = this.#isSkipped("") ? "file" : "field";
          return true;
        }
        const end = rest.indexOf(END_OF_HEAD);
        if (end === -1 && rest.byteLength <= MAX_PART_HEAD + END_OF_HEAD.byteLength) return false;
        if (end === -1 || end > MAX_PART_HEAD) {
          this.#state = "opaque";
          return true;
        }
        this.#state = this.#isSkipped(rest.toString("latin1", 0, end)) ? "file" : "field";
        // Its second line end may be the one of a delimiter: then the part is empty.
        this.#keep(end + 2);
        return true;
      }
      case "field":
      case "file":
        return this.#content(rest.indexOf(delimiter));
      case "opaque":
        this.#keep(rest.byteLength);
        return false;
    }
  }

  #isSkipped(head: string): boolean {
    if (this.#isForm || /^content-disposition:[ \t]{0,64}form-data/im.test(head)) {
      return isFilePart(head);
    }
    const type = /^content-type:[ \t]{0,64}([^\r\n]{1,200})/im.exec(head)?.[1];
    return type !== undefined && isBinaryType(type);
  }

  #content(at: number): boolean {
    const { byteLength } = this.#delimiter;
    // The end of what is here may be the beginning of a delimiter.
    const ready = at === -1 ? this.#rest.byteLength - byteLength + 1 : at;
    if (ready > 0 && this.#state === "field") {
      this.#keep(ready);
    } else if (ready > 0) {
      this.#rest = this.#rest.subarray(ready);
      this.#hasDropped = true;
    }
    if (at === -1) return false;
    if (this.#hasDropped) this.#add(LINE_END);
    this.#hasDropped = false;
    this.#keep(byteLength);
    this.#state = "delimiter";
    return true;
  }

  #keep(bytes: number): void {
    this.#add(this.#rest.subarray(0, bytes));
    this.#rest = this.#rest.subarray(bytes);
  }

  #add(bytes: Uint8Array): void {
    const part = bytes.subarray(0, this.#maxBytes - this.#size);
    this.isFull ||= part.byteLength < bytes.byteLength;
    // A copy: the chunk that it is part of would be kept whole.
    if (part.byteLength > 0) this.#kept.push(Buffer.from(part));
    this.#size += part.byteLength;
  }
}

const LINE_END = Buffer.from("\r\n");
