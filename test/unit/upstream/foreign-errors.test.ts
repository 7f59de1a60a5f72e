import { describe, expect, it } from "vitest";

import { ProxyError } from "../../../runtime/errors.ts";
import {
  fromForeignError,
  isConnectionLoss,
  type FailureStage,
} from "../../../runtime/upstream/foreign-errors.ts";

function coded(code: string, message = "text"): Error {
  return Object.assign(new Error(message), { code });
}

function parserError(message: string): Error {
  return Object.assign(new Error(message), { name: "HTTPParserError" });
}

describe("fromForeignError", () => {
  const cases: [unknown, FailureStage, string][] = [
    [coded("ECONNREFUSED"), "connect", "PROXY_UPSTREAM_CONNECT"],
    [coded("ENOTFOUND"), "connect", "PROXY_UPSTREAM_CONNECT"],
    [coded("DEPTH_ZERO_SELF_SIGNED_CERT"), "connect", "PROXY_UPSTREAM_CONNECT"],
    [coded("ETIMEDOUT"), "connect", "PROXY_UPSTREAM_CONNECT_TIMEOUT"],
    [coded("UND_ERR_SOCKET"), "head", "PROXY_UPSTREAM_RESET"],
    [coded("ECONNRESET"), "content", "PROXY_UPSTREAM_RESET"],
    [coded("EPIPE"), "head", "PROXY_UPSTREAM_RESET"],
    [coded("ETIMEDOUT"), "content", "PROXY_UPSTREAM_RESET"],
    [coded("EHOSTUNREACH"), "head", "PROXY_UPSTREAM_RESET"],
    [coded("ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), "content", "PROXY_UPSTREAM_RESET"],
    [coded("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"), "content", "PROXY_UPSTREAM_RESET"],
    [coded("UND_ERR_HEADERS_OVERFLOW"), "head", "PROXY_UPSTREAM_PROTOCOL"],
    [parserError("does not match (Invalid EOF state)"), "content", "PROXY_UPSTREAM_RESET"],
    [parserError("does not match (Invalid header token)"), "head", "PROXY_UPSTREAM_PROTOCOL"],
    [coded("UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"), "head", "PROXY_REQUEST_CONTENT_INCOMPLETE"],
    [coded("UND_ERR_INVALID_ARG"), "head", "PROXY_INTERNAL"],
    [coded("UND_ERR_DESTROYED"), "head", "PROXY_UPSTREAM_CLOSED"],
    [new TypeError("a bug"), "head", "PROXY_INTERNAL"],
    ["a string", "head", "PROXY_INTERNAL"],
    [undefined, "content", "PROXY_INTERNAL"],
  ];
  for (const [error, stage, code] of cases) {
    const name =
      error instanceof Error ? ((error as { code?: string }).code ?? error.message) : String(error);
    it(`${name} at ${stage} is ${code}`, () => {
      const mapped = fromForeignError(error, stage);
      expect(mapped.code).toBe(code);
      expect(mapped.cause).toBe(error);
    });
  }

  it("passes what is ours already", () => {
    const error = new ProxyError("PROXY_CLIENT_ABORTED");
    expect(fromForeignError(error, "head")).toBe(error);
  });

  it("keeps the cause's words for the log and away from the client", () => {
    const mapped = fromForeignError(coded("ECONNREFUSED", "connect 10.0.0.1:80"), "connect");
    expect(mapped.message).toBe("connect 10.0.0.1:80 (ECONNREFUSED)");
    expect(mapped.publicDetail).not.toContain("10.0.0.1");
    expect(fromForeignError(coded("ECONNREFUSED", ""), "connect").message).toBe("ECONNREFUSED");
  });
});

describe("isConnectionLoss", () => {
  it("is a silent end, not a complaint", () => {
    expect(isConnectionLoss(coded("ECONNRESET"))).toBe(true);
    expect(isConnectionLoss(parserError("x"))).toBe(false);
    expect(isConnectionLoss(null)).toBe(false);
  });
});
