import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { MultipartExtract } from "../../../../../runtime/primitives/waf/parse/multipart-extract.ts";
import { readMixed, readMultipart } from "../../../../../runtime/primitives/waf/parse/multipart.ts";
import type { ValueSink } from "../../../../../runtime/primitives/waf/values.ts";
import { scaled } from "../../../../helpers/scale.ts";

const TYPE = "multipart/form-data; boundary=bound";
const MIXED = "multipart/mixed; boundary=bound";

function read(bytes: Uint8Array): { valid: boolean; values: string[] } {
  const values: string[] = [];
  const sink: ValueSink = {
    value: (collection, name, value) => values.push(`${collection}:${name}=${value}`),
    scanned() {},
    anomaly() {},
    bounds: { maxValues: 1e6, maxDepth: 10, maxValueLength: 1e6 },
    isFull: false,
  };
  const valid = readMultipart(Buffer.from(bytes).toString("latin1"), TYPE, sink);
  return { valid, values };
}

/** Its fields and the parts that are no pictures. */
function readOther(bytes: Uint8Array): { valid: boolean; values: string[] } {
  const values: string[] = [];
  const sink: ValueSink = {
    value: (collection, name, value) => values.push(`${collection}:${name}=${value}`),
    scanned() {},
    anomaly() {},
    bounds: { maxValues: 1e6, maxDepth: 10, maxValueLength: 1e6 },
    isFull: false,
  };
  const text = Buffer.from(bytes).toString("latin1");
  const valid = readMixed(text, MIXED, sink, (part, type) => {
    if (type !== "image/png") values.push(`${type}: ${Buffer.from(part).toString()}`);
  });
  return { valid, values };
}

function extracted(
  bytes: Buffer,
  cuts: readonly number[],
  max = 1e6,
  type = TYPE,
): MultipartExtract {
  const extract = new MultipartExtract(type, max);
  const at = [...cuts.map((cut) => cut % (bytes.byteLength + 1)), bytes.byteLength].toSorted(
    (a, b) => a - b,
  );
  let from = 0;
  for (const end of at) {
    // Given as it would come: in memory that is used again.
    const chunk = Buffer.from(bytes.subarray(from, end));
    extract.push(chunk);
    chunk.fill(0);
    from = end;
  }
  return extract;
}

/** What contents are made of: pieces of delimiters and heads above all. */
const piece = fc.constantFrom(
  "\r\n",
  "\r",
  "\n",
  "--",
  "-",
  "--bound",
  "--boun",
  "\r\n--boun",
  "\r\n-",
  "bound",
  "a",
  "filename=",
  'Content-Disposition: form-data; name="x"',
  "\r\n\r\n",
);
const content = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
const head = fc.constantFrom(
  'Content-Disposition: form-data; name="a"',
  'content-disposition: form-data; name="f"; filename="x.png"\r\nContent-Type: image/png',
  'Content-Disposition: form-data; filename=""; name=f',
  'Content-Disposition: form-data; name="x; filename=y"',
  "Content-Disposition: form-data; name=\"f\"; filename*=utf-8''x",
  'Content-Disposition: form-data; name="f"; filename="a"; filename="b"',
  "Content-Type: text/plain; filename=x",
  'X: y\r\nContent-Disposition: form-data; name="f"; FileName=x',
);
const form = fc
  .array(fc.tuple(head, content), { maxLength: 4 })
  .map((parts) =>
    Buffer.from(
      `${parts.map(([h, c]) => `--bound\r\n${h}\r\n\r\n${c}\r\n`).join("")}--bound--\r\n`,
    ),
  );
const mixedHead = fc.constantFrom(
  "",
  "Content-Type: image/png",
  "Content-Type: application/json",
  "content-type:application/http\r\nContent-ID: <1>",
  "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64",
  'Content-Disposition: form-data; name="f"; filename="x"',
  'Content-Disposition: attachment; filename="x"',
);
const mixed = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(mixedHead, content), { minLength: 1, maxLength: 4 }))
  .map(([hasLineEnd, parts]) =>
    Buffer.from(
      `${hasLineEnd ? "\r\n" : ""}${parts.map(([h, c]) => `--bound\r\n${h}${h === "" ? "" : "\r\n"}\r\n${c}\r\n`).join("")}--bound--\r\n`,
    ),
  );
const cuts = fc.array(fc.nat(400), { maxLength: 8 });

describe("a multipart form without its files", () => {
  it("reads as the whole one does, however it is cut", () => {
    fc.assert(
      fc.property(form, cuts, (bytes, at) => {
        const extract = extracted(bytes, at);
        const whole = read(bytes);
        const without = read(extract.finish());
        expect(without.valid).toBe(whole.valid);
        if (whole.valid) expect(without.values).toEqual(whole.values);
        expect(extract.isFull).toBe(false);
      }),
      { numRuns: scaled(500, 50_000) },
    );
  });

  it("of another kind loses its binary parts, and nothing else", () => {
    fc.assert(
      fc.property(mixed, cuts, (bytes, at) => {
        const whole = readOther(bytes);
        const without = readOther(extracted(bytes, at, 1e6, MIXED).finish());
        expect(without.valid).toBe(whole.valid);
        if (whole.valid) expect(without.values).toEqual(whole.values);
      }),
      { numRuns: scaled(500, 50_000) },
    );
  });

  it("holds no more than it may, and says so", () => {
    const file = `--bound\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n${"x".repeat(100_000)}\r\n--bound--\r\n`;
    const small = extracted(Buffer.from(file), [10, 500, 5000, 70_000], 200);
    expect(small.finish().byteLength).toBeLessThan(200);
    expect(small.isFull).toBe(false);
    const field = extracted(Buffer.from(file.replace(' filename="x"', "")), [10, 5000], 200);
    expect(field.finish().byteLength).toBe(200);
    expect(field.isFull).toBe(true);
    const noForm = extracted(Buffer.alloc(100_000, "x"), [10, 5000], 200);
    expect(noForm.finish().byteLength).toBe(200);
    expect(noForm.isFull).toBe(true);
  });

  it("keeps what has no boundary as it is", () => {
    const extract = new MultipartExtract("multipart/form-data", 100);
    extract.push(Buffer.from("--x\r\n"));
    expect(Buffer.from(extract.finish()).toString()).toBe("--x\r\n");
  });
});
