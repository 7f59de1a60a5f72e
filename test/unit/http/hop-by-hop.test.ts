import { describe, expect, it } from "vitest";

import { forwardableFields, forwardableTrailers } from "../../../runtime/http/hop-by-hop.ts";

describe("forwardableFields", () => {
  const nominated = [
    ...["Host", "a.test", "Connection", "close, X-Hop , te", "Connection", "X-Hop2"],
    ...["X-Hop", "1", "X-Hop2", "1", "X-End", "1", "TE", "trailers", "Keep-Alive", "x"],
    ...["Proxy-Connection", "x"],
  ];

  it("drops hop-by-hop fields and those that Connection names, over several lines, in any case (RFC 9110 §7.6.1, PUB-01)", () => {
    expect(forwardableFields(nominated, "request")).toEqual(["X-End", "1"]);
    expect(forwardableFields(nominated.slice(2), "response")).toEqual(["X-End", "1"]);
  });

  it("drops a named field that stands before Connection", () => {
    expect(forwardableFields(["X-HOP", "1", "A", "2", "connection", "x-hop"], "request")).toEqual([
      "A",
      "2",
    ]);
  });

  it("returns a new list", () => {
    const fields = ["A", "1"];
    const kept = forwardableFields(fields, "request");
    expect(kept).toEqual(fields);
    expect(kept).not.toBe(fields);
  });

  it("does not let a client name the record of its way or the framing away (PUB-01)", () => {
    const fields = [
      ...["Connection", "close, X-Forwarded-For, Forwarded, Via, Host, Cookie, Content-Length"],
      ...["X-Forwarded-For", "198.51.100.1", "Via", "1.1 b", "Forwarded", "for=a", "Cookie", "a=1"],
    ];
    expect(forwardableFields(fields, "request")).toEqual([
      ...["X-Forwarded-For", "198.51.100.1", "Via", "1.1 b", "Forwarded", "for=a"],
    ]);
  });

  it("leaves Content-Length and Host of a response that names them", () => {
    const fields = ["Connection", "content-length", "Content-Length", "5", "Trailer", "X-T"];
    expect(forwardableFields(fields, "response")).toEqual([
      "Content-Length",
      "5",
      "Trailer",
      "X-T",
    ]);
  });

  it("drops what the connection writes itself from requests", () => {
    const fields = [
      ...["Host", "a", "Content-Length", "5", "Expect", "100-continue", "Trailer", "X-T"],
      ...["Transfer-Encoding", "chunked", "Upgrade", "h2c", "HTTP2-Settings", "AAM", "A", "1"],
      ...["Proxy-Authorization", "Basic x", "Cookie", "a=1"],
    ];
    expect(forwardableFields(fields, "request")).toEqual(["A", "1", "Cookie", "a=1"]);
  });

  it("drops proxy authentication from responses (RFC 9110 §11.7)", () => {
    const fields = ["Proxy-Authenticate", "Basic", "Proxy-Authentication-Info", "x", "Date", "d"];
    expect(forwardableFields(fields, "response")).toEqual(["Date", "d"]);
  });

  it.each(["keep-alive", "close", "Keep-Alive", "Upgrade", "CLOSE", "keep-alive, Upgrade", ""])(
    "keeps all other fields under Connection: %s",
    (value) => {
      const fields = ["Connection", value, "Accept", "*/*", "A", "1"];
      expect(forwardableFields(fields, "request")).toEqual(["Accept", "*/*", "A", "1"]);
    },
  );

  it("keeps fields of the same length as dropped ones", () => {
    const fields = [
      ...["ab", "1", "date", "2", "accept", "3", "cookies", "4", "user-agent", "5"],
      ...["accept-charset", "6", "accept-languages", "7", "sec-websocket-key", "8"],
      ...[
        "if-unmodified-sinc",
        "9",
        "if-unmodified-since",
        "10",
        "content-security-policyxx",
        "11",
      ],
    ];
    expect(forwardableFields(fields, "request")).toEqual(fields);
    expect(forwardableFields(fields, "response")).toEqual(fields);
  });

  it("answers a head full of nominations without comparing each with each", () => {
    const names = Array.from({ length: 4_000 }, (_, at) => `n${at}`);
    const fields = [
      "Connection",
      names.join(","),
      ...names.flatMap((name) => [name, "1"]),
      "End",
      "1",
    ];
    expect(forwardableFields(fields, "request")).toEqual(["End", "1"]);
  });
});

describe("forwardableTrailers", () => {
  it("keeps what may come late and drops what must be known early (RFC 9110 §6.5.1)", () => {
    const trailers = [
      ...["grpc-status", "0", "Content-Length", "5", "Set-Cookie", "a=1", "Digest", "x"],
      ...[
        "Transfer-Encoding",
        "chunked",
        "Host",
        "b",
        "Authorization",
        "x",
        "X-Forwarded-For",
        "1",
      ],
      ...["Content-Encoding", "gzip", "Server-Timing", "t"],
    ];
    expect(forwardableTrailers(trailers)).toEqual([
      ...["grpc-status", "0", "Digest", "x", "Server-Timing", "t"],
    ]);
  });
});
