import { describe, expect, it } from "vitest";

import { ProxyError } from "../../../runtime/errors.ts";
import {
  codeName,
  fromStreamFailure,
  wasNotProcessed,
} from "../../../runtime/upstream/http2-errors.ts";

const foreign = (code: string): Error => Object.assign(new Error("text"), { code });

describe("fromStreamFailure", () => {
  const codes: [number, string][] = [
    [0, "PROXY_UPSTREAM_RESET"],
    [1, "PROXY_UPSTREAM_PROTOCOL"],
    [2, "PROXY_UPSTREAM_RESET"],
    [3, "PROXY_UPSTREAM_PROTOCOL"],
    [6, "PROXY_UPSTREAM_PROTOCOL"],
    [8, "PROXY_UPSTREAM_RESET"],
    [9, "PROXY_UPSTREAM_PROTOCOL"],
    [11, "PROXY_UPSTREAM_RESET"],
    [13, "PROXY_UPSTREAM_PROTOCOL"],
    [4_000_000_000, "PROXY_UPSTREAM_RESET"],
  ];
  it.each(codes)("takes RST_STREAM with code %i for %s", (code, expected) => {
    const error = fromStreamFailure({ code, connectionError: null, connectionLost: false });
    expect([error.code, error.retryable]).toEqual([expected, false]);
    expect(error.message).toContain(codeName(code));
  });

  it("says that the connection was lost, and why", () => {
    const reset = { code: 8, connectionError: foreign("ECONNRESET"), connectionLost: true };
    expect(fromStreamFailure(reset)).toMatchObject({
      code: "PROXY_UPSTREAM_RESET",
      cause: reset.connectionError,
    });
    const silent = { code: 8, connectionError: null, connectionLost: true };
    expect(fromStreamFailure(silent).code).toBe("PROXY_UPSTREAM_RESET");
  });

  it("says that the upstream broke the protocol", () => {
    const violation = {
      code: 2,
      connectionError: foreign("ERR_HTTP2_ERROR"),
      connectionLost: true,
    };
    expect(fromStreamFailure(violation).code).toBe("PROXY_UPSTREAM_PROTOCOL");
  });

  it("passes on what is ours", () => {
    const own = new ProxyError("PROXY_UPSTREAM_RESET", { message: "no answer to PING" });
    const failure = { code: 0, connectionError: own, connectionLost: true };
    expect(fromStreamFailure(failure)).toBe(own);
  });
});

describe("wasNotProcessed", () => {
  it("holds for REFUSED_STREAM and for what never left (RFC 9113 §8.7)", () => {
    expect(wasNotProcessed(7, null)).toBe(true);
    expect(wasNotProcessed(0, foreign("ERR_HTTP2_GOAWAY_SESSION"))).toBe(true);
    expect(wasNotProcessed(0, foreign("ERR_HTTP2_OUT_OF_STREAMS"))).toBe(true);
    expect(wasNotProcessed(8, null)).toBe(false);
    expect(wasNotProcessed(2, foreign("ERR_HTTP2_STREAM_ERROR"))).toBe(false);
  });
});
