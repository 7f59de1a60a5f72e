import { describe, expect, it } from "vitest";

import { connectRaw } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const BOTH = (coding: string): string => `Content-Length: 5\r\nTransfer-Encoding: ${coding}`;

const CASES: readonly (readonly [name: string, lines: string])[] = [
  ["chunked", BOTH("chunked")],
  ["chunked with a comma", BOTH("chunked,")],
  ["chunked, gzip", BOTH("chunked, gzip")],
  ["chunked, identity", BOTH("chunked, identity")],
  ["xchunked", BOTH("xchunked")],
  ["Chunked with a tab", BOTH("Chunked\t")],
  ["a tab before chunked", BOTH("\tchunked")],
  ["two Transfer-Encoding lines", `${BOTH("chunked")}\r\nTransfer-Encoding: chunked`],
  ["two different Transfer-Encoding lines", `${BOTH("identity")}\r\nTransfer-Encoding: chunked`],
  ["a space before the colon", "Content-Length: 5\r\nTransfer-Encoding : chunked"],
  ["two different Content-Length lines", "Content-Length: 5\r\nContent-Length: 6"],
  ["the same Content-Length twice", "Content-Length: 5\r\nContent-Length: 5"],
  ["+5", "Content-Length: +5"],
  ["5, 6", "Content-Length: 5, 6"],
  ["5, 5", "Content-Length: 5, 5"],
  ["an empty Content-Length", "Content-Length:"],
  ["a hexadecimal Content-Length", "Content-Length: 0x5"],
  ["a negative Content-Length", "Content-Length: -5"],
];

describe("ambiguous request lengths (PUB-03)", () => {
  it.each(CASES)(
    "answers %s with 400, closes, and tells the upstream nothing (RFC 9112 §6.1, §6.3, §11.2)",
    async (_name, lines) => {
      const { proxy, upstream } = await throughProxy();
      const client = await connectRaw(proxy.port);
      await client.send(
        `POST /x HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n`,
      );
      expect((await client.response()).status).toBe(400);
      const { bytes } = await client.readUntilClose();
      expect(bytes.length).toBe(0);
      expect(upstream.connections).toHaveLength(0);
    },
  );
});
