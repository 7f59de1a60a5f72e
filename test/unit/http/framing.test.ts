import { describe, expect, it } from "vitest";

import {
  parseContentLength,
  requestFraming,
  responseFraming,
} from "../../../runtime/http/framing.ts";

describe("requestFraming", () => {
  it.each([
    [[], { length: undefined, chunked: false }],
    [["Content-Length", "0"], { length: 0, chunked: false }],
    [["content-length", "35"], { length: 35, chunked: false }],
    [["Content-Length", " 5\t"], { length: 5, chunked: false }],
    [["Content-Length", "9007199254740991"], { length: Number.MAX_SAFE_INTEGER, chunked: false }],
    [["Transfer-Encoding", "chunked"], { length: undefined, chunked: true }],
    [["TRANSFER-ENCODING", "Chunked\t"], { length: undefined, chunked: true }],
  ])("reads %j (RFC 9112 §6.3)", (fields, expected) => {
    expect(requestFraming(fields)).toEqual(expected);
  });

  it.each([
    "gzip, chunked",
    "chunked, gzip",
    "chunked,",
    "xchunked",
    "identity",
    "",
    "chunked;a=b",
    "chunked, chunked",
    "\vchunked",
  ])("refuses Transfer-Encoding: %j with 501 (RFC 9112 §6.1)", (coding) => {
    expect(requestFraming(["Transfer-Encoding", coding])).toMatchObject({
      error: "PROXY_REQUEST_TRANSFER_ENCODING",
    });
    expect(responseFraming(["Transfer-Encoding", coding])).toMatchObject({
      error: "PROXY_UPSTREAM_PROTOCOL",
    });
  });

  it("refuses two Transfer-Encoding lines", () => {
    const fields = ["Transfer-Encoding", "chunked", "transfer-encoding", "chunked"];
    expect(requestFraming(fields)).toMatchObject({ error: "PROXY_REQUEST_TRANSFER_ENCODING" });
  });

  it.each(["chunked", "chunked,", "xchunked", "identity", "chunked, gzip"])(
    "refuses Content-Length beside Transfer-Encoding: %s (RFC 9112 §11.2, PUB-03)",
    (coding) => {
      const fields = ["Content-Length", "5", "Transfer-Encoding", coding];
      expect(requestFraming(fields)).toMatchObject({ error: "PROXY_REQUEST_MALFORMED" });
      expect(responseFraming(fields)).toMatchObject({ error: "PROXY_UPSTREAM_PROTOCOL" });
    },
  );

  it.each([
    "",
    "+5",
    "-1",
    "5, 6",
    "5,5",
    "0x5",
    "5.0",
    "1e3",
    "٥",
    "9007199254740992",
    "99999999999999999999",
    "5 5",
  ])("refuses Content-Length: %j", (value) => {
    expect(requestFraming(["Content-Length", value])).toMatchObject({
      error: "PROXY_REQUEST_MALFORMED",
    });
    expect(responseFraming(["Content-Length", value])).toMatchObject({
      error: "PROXY_UPSTREAM_PROTOCOL",
    });
    expect(parseContentLength(value)).toBe(-1);
  });

  it("refuses a length said twice, even the same", () => {
    const fields = ["Content-Length", "5", "content-length", "5"];
    expect(requestFraming(fields)).toMatchObject({ error: "PROXY_REQUEST_MALFORMED" });
    expect(responseFraming(fields)).toMatchObject({ error: "PROXY_UPSTREAM_PROTOCOL" });
  });
});
