import { gunzipSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import type { ContentSource } from "../../../runtime/http/content.ts";
import type { Coding } from "../../../runtime/http/content-codings.ts";
import { fieldValue } from "../../../runtime/http/raw-fields.ts";
import { sourceFromBytes } from "../../../runtime/http/readable-source.ts";
import { codedContent, planCoding } from "../../../runtime/pipeline/compress.ts";
import type { Flow } from "../../../runtime/pipeline/flow.ts";
import { OutgoingResponse } from "../../../runtime/pipeline/outgoing-response.ts";
import type { CodedVariants } from "../../../runtime/primitives/compress/coded-variants.ts";
import { shrinksByDefault } from "../../../runtime/primitives/compress/compressible-types.ts";
import { Compression } from "../../../runtime/primitives/compress/compression.ts";
import { collect } from "../../helpers/content.ts";

const BODY = Buffer.from("stored once, sent often\n".repeat(5000));

class Variants implements CodedVariants {
  lend(bytes: Uint8Array): ContentSource {
    return sourceFromBytes(bytes);
  }

  readonly made = new Map<Coding, Uint8Array | undefined>();
  puts = 0;

  get(coding: Coding): Uint8Array | undefined {
    return this.made.get(coding);
  }

  claim(coding: Coding): boolean {
    if (this.made.has(coding)) return false;
    this.made.set(coding, undefined);
    return true;
  }

  put(coding: Coding, bytes: Uint8Array | undefined): void {
    this.puts += 1;
    this.made.set(coding, bytes);
  }
}

function makeFlow(): { flow: Flow; work: Promise<unknown>[] } {
  const work: Promise<unknown>[] = [];
  const compression = new Compression({
    encodings: ["gzip"],
    minBytes: 1024,
    levels: { gzip: 6, deflate: 6, br: 4, zstd: 3 },
    shrinks: shrinksByDefault,
    asksIdentity: false,
  });
  const flow = {
    parts: { compression, waitUntil: (promise: Promise<unknown>) => void work.push(promise) },
    compressionOff: false,
    method: "GET",
    exchange: { method: "GET", protocol: "HTTP/1.1", fields: ["Accept-Encoding", "gzip"] },
  };
  return { flow: flow as unknown as Flow, work };
}

function stored(variants: CodedVariants): OutgoingResponse {
  const fields = ["Content-Type", "text/plain", "Content-Length", String(BODY.length)];
  const content = sourceFromBytes(BODY);
  const response = new OutgoingResponse(200, fields, content, "upstream", false, 1);
  response.variants = variants;
  return response;
}

describe("a stored content", () => {
  it("is encoded once, in the background, while its first client is served", async () => {
    const { flow, work } = makeFlow();
    const variants = new Variants();
    const ask = async (): Promise<{ atOnce: boolean; length: string | undefined }> => {
      const response = stored(variants);
      const plan = planCoding(flow, response)!;
      const source = codedContent(flow, response, plan, response.content!);
      const out = await collect(source);
      expect(gunzipSync(out.bytes).equals(BODY)).toBe(true);
      const length = fieldValue(response.fields, "content-length");
      if (length !== undefined) expect(length).toBe(String(out.bytes.length));
      return { atOnce: source.bytes !== undefined, length };
    };
    // Both come before it is made.
    expect((await Promise.all([ask(), ask()])).map(({ atOnce }) => atOnce)).toEqual([false, false]);
    await Promise.all(work);
    expect((await ask()).atOnce).toBe(true);
    expect(work.length).toBe(1);
    expect(variants.puts).toBe(1);
  });

  it("waits for a later hit where others are being encoded: the threads are there for live streams too", async () => {
    const { flow, work } = makeFlow();
    const ask = (variants: Variants): void => {
      const response = stored(variants);
      codedContent(flow, response, planCoding(flow, response)!, response.content!);
    };
    const all = Array.from({ length: 5 }, () => new Variants());
    for (const variants of all) ask(variants);
    expect(work).toHaveLength(2);
    await Promise.all(work);
    for (const variants of all) ask(variants);
    expect(work).toHaveLength(4);
    await Promise.all(work);
    expect(all.map(({ puts }) => puts)).toEqual([1, 1, 1, 1, 0]);
  });

  it("that a hook has replaced is not taken from the store, nor put there", () => {
    const { flow, work } = makeFlow();
    const response = stored(new Variants());
    response.contentReplaced = true;
    const plan = planCoding(flow, response)!;
    codedContent(flow, response, plan, response.content!);
    expect(work).toEqual([]);
  });
});
