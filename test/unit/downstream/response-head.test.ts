import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  fieldLines,
  httpDate,
  statusLine,
  writeResponseHead,
  type ResponseHead,
} from "../../../runtime/downstream/response-head.ts";

function write(
  status: number,
  fields: readonly string[],
  method = "GET",
  chunkable = true,
): ResponseHead {
  const head: ResponseHead = { text: "", framing: "none", length: -1 };
  writeResponseHead(status, fields, method, chunkable, head);
  return head;
}

describe("writeResponseHead", () => {
  it.each([
    [200, ["Content-Length", "5"], "GET", true, "length"],
    [200, ["Content-Length", "0"], "GET", true, "length"],
    [200, [], "GET", true, "chunked"],
    [200, [], "GET", false, "close"],
    [200, [], "HEAD", true, "none"],
    [200, ["Content-Length", "5"], "HEAD", true, "none"],
    [204, [], "GET", true, "none"],
    [304, ["Content-Length", "5"], "GET", true, "none"],
    [205, [], "GET", true, "chunked"],
  ] as const)(
    "%i with %j to %s (chunks: %s) is framed by %s (RFC 9112 §6.3)",
    (status, fields, method, chunkable, framing) => {
      expect(write(status, fields, method, chunkable).framing).toBe(framing);
    },
  );

  it("writes a length that is given twice once, and none with 204 (RFC 9110 §8.6)", () => {
    expect(
      write(200, ["Content-Length", "5", "content-length", "5"]).text.match(/content-length/gi),
    ).toHaveLength(1);
    expect(write(204, ["Content-Length", "0"]).text).not.toMatch(/content-length/i);
  });

  it("adds the fields that are ours after the others", () => {
    const { text } = write(200, ["b", "2", "A", "1"]);
    expect(text).toBe(
      `HTTP/1.1 200 OK\r\nb: 2\r\nA: 1\r\nDate: ${httpDate()}\r\nTransfer-Encoding: chunked\r\n`,
    );
  });

  it("lets no name or value start another line", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", ":", " ", "\r", "\n", "\0", "\t", "\xe4", "日"),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 4 }), (lines) => {
        let written: string;
        try {
          written = fieldLines(lines.flat());
        } catch {
          return;
        }
        expect(written.split("\r\n")).toHaveLength(lines.length + 1);
        expect(written.replaceAll("\r\n", "")).not.toMatch(/[\r\n\0]/);
      }),
    );
  });
});

describe("statusLine", () => {
  it("has a reason for every status, known or not (RFC 9112 §4)", () => {
    expect(statusLine(404)).toBe("HTTP/1.1 404 Not Found\r\n");
    expect(statusLine(599)).toMatch(/^HTTP\/1\.1 599 .*\r\n$/);
  });
});
