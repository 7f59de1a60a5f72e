import { describe, expect, it } from "vitest";

import { readMultipart } from "../../../../../runtime/primitives/waf/parse/multipart.ts";
import type { ValueSink } from "../../../../../runtime/primitives/waf/values.ts";

const TYPE = "multipart/form-data; boundary=b";
const HEAD = 'Content-Disposition: form-data; name="a"';

function read(text: string, type = TYPE): string[] | undefined {
  const seen: string[] = [];
  const sink: ValueSink = {
    value(collection, name, value) {
      if (collection !== "MULTIPART_PART_HEADERS") seen.push(`${collection}:${name}=${value}`);
    },
    scanned() {},
    anomaly() {},
    bounds: { maxValues: 100, maxDepth: 10, maxValueLength: 1000 },
    isFull: false,
  };
  return readMultipart(text, type, sink) ? seen : undefined;
}

describe("multipart forms", () => {
  it("give fields and file names (RFC 7578)", () => {
    const text = `--b\r\n${HEAD}\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name="f"; filename="x \\"y\\".png"\r\n\r\nPNG\r\n--b--\r\n`;
    expect(read(text)).toEqual([
      "ARGS_POST_NAMES:a=a",
      "ARGS_POST:a=1",
      "FILES_NAMES:f=f",
      'FILES:f=x "y".png',
    ]);
  });

  it("may have an empty part and no line end after the last delimiter", () => {
    expect(read(`--b\r\n${HEAD}\r\n\r\n\r\n--b--`)).toEqual(["ARGS_POST_NAMES:a=a"]);
  });

  it.each([
    ["without the last delimiter", `--b\r\n${HEAD}\r\n\r\n1`],
    ["with a preamble", `x\r\n--b\r\n${HEAD}\r\n\r\n1\r\n--b--`],
    ["with an epilogue", `--b\r\n${HEAD}\r\n\r\n1\r\n--b--\r\nx`],
    ["with bare line feeds", `--b\n${HEAD}\n\n1\n--b--`],
    ["with a blank after a delimiter", `--b \r\n${HEAD}\r\n\r\n1\r\n--b--`],
    ["with two dispositions", `--b\r\n${HEAD}\r\n${HEAD}\r\n\r\n1\r\n--b--`],
    ["with two names", `--b\r\n${HEAD}; name="c"\r\n\r\n1\r\n--b--`],
    ["without a name", "--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--"],
    [
      "with a second form of the file's name",
      `--b\r\n${HEAD}; filename="x"; filename*=UTF-8''y.php\r\n\r\n1\r\n--b--`,
    ],
    [
      "with an open quote",
      '--b\r\nContent-Disposition: form-data; name="a; filename=x.php\r\n\r\n1\r\n--b--',
    ],
    ["with a folded line", `--b\r\n${HEAD}\r\n ; filename=x\r\n\r\n1\r\n--b--`],
    [
      "with base64 as coding",
      `--b\r\n${HEAD}\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--b--`,
    ],
  ])("are refused %s (PUB-35)", (_, text) => {
    expect(read(text)).toBeUndefined();
  });

  it("are refused with two boundaries or none", () => {
    const text = `--b\r\n${HEAD}\r\n\r\n1\r\n--b--`;
    expect(read(text)).toBeDefined();
    expect(read(text, "multipart/form-data; boundary=b; boundary=c")).toBeUndefined();
    expect(read(text, "multipart/form-data")).toBeUndefined();
  });
});
