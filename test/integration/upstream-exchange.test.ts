import { describe, expect, it } from "vitest";

import { sourceFromBytes } from "../../runtime/http/readable-source.ts";
import { FedSource, send } from "../helpers/recording-receiver.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";
import { openCount, toy, upstreamOver } from "../helpers/upstream-fixture.ts";

describe("a request on the wire", () => {
  it("keeps order, case, number and bytes of the fields, with Host first", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin]);
    const fields = ["X-B", "2", "x-a", "1", "X-B", "3", "X-Bytes", "\x80\xe9\xff"];
    await send(upstream, { path: "/p%20q?x=\xe9", fields }).done();
    const head = origin.requests[0]?.head.split("\r\n");
    expect(head).toEqual([
      "GET /p%20q?x=\xe9 HTTP/1.1",
      "host: a.test",
      "connection: keep-alive",
      "X-B: 2",
      "x-a: 1",
      "X-B: 3",
      "X-Bytes: \x80\xe9\xff",
    ]);
  });

  it("names the target itself where no authority is given", async () => {
    const origin = await toy();
    await send(upstreamOver([origin]), { authority: undefined }).done();
    expect(origin.requests[0]?.field("host")).toBe(`127.0.0.1:${origin.port}`);
  });

  it("lets no framing or hop-by-hop field through, whoever set it (RFC 9112 §6.1)", async () => {
    const origin = await toy();
    const fields = ["Host", "b.test", "Content-Length", "5", "transfer-encoding", "chunked"];
    fields.push("Expect", "100-continue", "TE", "trailers", "Upgrade", "h2c", "Keep-Alive", "1");
    fields.push("Connection", "close", "Trailer", "x", "Proxy-Connection", "close", "X-End", "1");
    const done = await send(upstreamOver([origin]), { fields }).done();
    expect(done.status).toBe(200);
    expect(origin.violations).toEqual([]);
    expect(origin.requests[0]?.fields).toEqual([
      ...["host", "a.test", "connection", "keep-alive", "X-End", "1"],
    ]);
  });

  it("fails a field value that would end the line, and keeps the pool usable", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin]);
    const done = await send(upstream, { fields: ["X", "a\r\nX-Smuggled: 1"] }).done();
    expect(done.error?.code).toBe("PROXY_INTERNAL");
    expect((await send(upstream).done()).status).toBe(200);
    expect(origin.requests.length).toBe(1);
    expect(upstream.stats()).toMatchObject({ open: 1, idle: 1 });
  });

  it("opens no tunnel for CONNECT", async () => {
    const origin = await toy();
    const done = await send(upstreamOver([origin]), { method: "CONNECT" }).done();
    expect(done.error?.code).toBe("PROXY_INTERNAL");
    expect(origin.connections.length).toBe(0);
  });
});

describe("content of a request (RFC 9112 §6.3)", () => {
  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

  for (const method of ["DELETE", "OPTIONS", "GET", "POST", "PATCH", "REPORT"]) {
    it(`PUB-02: content of ${method} is one message, of known length and chunked`, async () => {
      const origin = await toy();
      const upstream = upstreamOver([origin]);
      const known = Buffer.from(smuggled);
      await send(upstream, { method, content: sourceFromBytes(known) }).done();

      const chunked = new FedSource();
      const second = send(upstream, { method, content: chunked });
      await chunked.opened;
      chunked.write(smuggled);
      chunked.end();
      await second.done();

      const declared = new FedSource(smuggled.length);
      const third = send(upstream, { method, content: declared });
      await declared.opened;
      declared.write(smuggled.slice(0, 10));
      declared.write(smuggled.slice(10));
      declared.end();
      await third.done();

      expect(origin.violations).toEqual([]);
      expect(origin.requests.map((request) => String(request.content))).toEqual([
        ...[smuggled, smuggled, smuggled],
      ]);
      const framing = origin.requests.map((request) => [
        request.field("content-length"),
        request.field("transfer-encoding"),
      ]);
      const length = String(smuggled.length);
      expect(framing).toEqual([
        ...[
          [length, undefined],
          [undefined, "chunked"],
          [length, undefined],
        ],
      ]);
    });
  }

  it("PUB-02: a DELETE without content has neither length nor chunks", async () => {
    const origin = await toy();
    await send(upstreamOver([origin]), { method: "DELETE" }).done();
    expect(origin.requests[0]?.head).not.toMatch(/content-length|transfer-encoding/i);
  });

  it("closes a connection that carried content with GET, so that no second answer can be taken for ours", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin]);
    await send(upstream, { content: sourceFromBytes(Buffer.from("abc")) }).done();
    await origin.openAtMost(0);
    await openCount(upstream, 0);
  });

  it("sends an empty content of POST as length 0", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin]);
    const empty = new FedSource();
    const first = send(upstream, { method: "POST", content: empty });
    await empty.opened;
    empty.end();
    await first.done();
    await send(upstream, { method: "POST", content: sourceFromBytes(new Uint8Array(0)) }).done();
    expect(origin.requests.map((request) => request.field("content-length"))).toEqual(["0", "0"]);
  });

  it("waits with reading the source until the upstream takes more", async () => {
    const stalled = await toy({ onConnection: (connection) => void connection.socket.pause() });
    const upstream = upstreamOver([stalled]);
    const source = new FedSource();
    const receiver = send(upstream, { method: "POST", content: source });
    await source.opened;
    const chunk = Buffer.alloc(65_536, 1);
    let sent = 0;
    // The kernel's buffers take some megabytes; ours must not take the rest.
    while (!source.paused && sent < 64 * 1024 * 1024) {
      source.write(chunk);
      sent += chunk.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(source.paused).toBe(true);
    stalled.connections[0]?.socket.resume();
    await source.wanted();
    expect(source.paused).toBe(false);
    source.end();
    expect((await receiver.done()).status).toBe(200);
    expect(stalled.requests[0]?.content.length).toBe(sent);
  });

  it("cuts the request when its source fails: the upstream never sees it end", async () => {
    const origin = await toy();
    const source = new FedSource();
    const receiver = send(upstreamOver([origin]), { method: "POST", content: source });
    await source.opened;
    source.write("half");
    await origin.connection(1);
    source.fail(new Error("client gone"));
    const done = await receiver.done();
    expect(done.error?.code).toBe("PROXY_REQUEST_CONTENT_INCOMPLETE");
    await origin.connections[0]?.closed;
    expect(origin.requests).toEqual([]);
    expect(origin.connections[0]?.received.toString()).not.toContain("0\r\n\r\n");
  });

  it("cuts the request when the source ends short of its declared length", async () => {
    const origin = await toy();
    const source = new FedSource(10);
    const receiver = send(upstreamOver([origin]), { method: "POST", content: source });
    await source.opened;
    source.write("half");
    source.end();
    const done = await receiver.done();
    expect(done.error?.code).toBe("PROXY_REQUEST_CONTENT_INCOMPLETE");
    await origin.openAtMost(0);
    expect(origin.requests).toEqual([]);
  });

  it("never sends more than the declared length", async () => {
    const origin = await toy();
    const source = new FedSource(4);
    const receiver = send(upstreamOver([origin]), { method: "POST", content: source });
    await source.opened;
    source.write(`four${smuggled}`);
    const done = await receiver.done();
    expect(done.error?.code).toBe("PROXY_REQUEST_CONTENT_INCOMPLETE");
    await origin.openAtMost(0);
    expect(origin.requests).toEqual([]);
  });

  it("relays a final response that comes while the upload runs, and stops the upload", async () => {
    const origin = await toy({ onHead: () => toyResponse(413, "no") });
    const upstream = upstreamOver([origin]);
    const source = new FedSource(1_000_000);
    const receiver = send(upstream, { method: "POST", content: source });
    await source.opened;
    source.write("start");
    const done = await receiver.done();
    expect([done.status, done.text, done.error]).toEqual([413, "no", undefined]);
    await origin.openAtMost(0);
    expect(source.cancelled).toBe(true);
    await openCount(upstream, 0);
  });
});

describe("a response from the wire", () => {
  it("gives fields as sent: order, case, number, empty values, bytes 0x80 to 0xFF", async () => {
    const lines =
      "X-B: 2\r\nx-a:1\r\nX-B:\r\nX-C: \t c  \t\r\nX-D: \x80\xff\r\nSet-Cookie: a\r\nSet-Cookie: b";
    const origin = await toy({
      onRequest: () => `HTTP/1.1 200 OK\r\n${lines}\r\nContent-Length: 0\r\n\r\n`,
    });
    const done = await send(upstreamOver([origin])).done();
    expect(done.fields).toEqual([
      ...["X-B", "2", "x-a", "1", "X-B", "", "X-C", "c", "X-D", "\x80\xff"],
      ...["Set-Cookie", "a", "Set-Cookie", "b", "Content-Length", "0"],
    ]);
  });

  it("gives the same fields when the head comes byte by byte", async () => {
    const origin = await toy({
      onRequest: (_request, connection) => {
        const bytes =
          "HTTP/1.1 200 OK\r\nX-First: one\r\nx: \xe9 \r\nEmpty:\r\nContent-Length: 1\r\n\r\n!";
        const next = (at: number): void => {
          if (at === bytes.length) return;
          connection.socket.write(Buffer.from(bytes[at] as string, "latin1"), () => next(at + 1));
        };
        next(0);
      },
    });
    const done = await send(upstreamOver([origin])).done();
    expect(done.fields).toEqual([
      ...["X-First", "one", "x", "\xe9", "Empty", "", "Content-Length", "1"],
    ]);
    expect(done.text).toBe("!");
  });

  it("passes interim responses on, and then the final one", async () => {
    const early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
    const origin = await toy({ onRequest: () => early + toyResponse(200, "ok") });
    const done = await send(upstreamOver([origin])).done();
    expect(done.informational).toEqual([
      { status: 103, fields: ["Link", "</a>"] },
      { status: 102, fields: [] },
    ]);
    expect(done.status).toBe(200);
  });

  it("PUB-05: survives an unasked 100, whole or in pieces, and keeps the connection", async () => {
    let first = true;
    const origin = await toy({
      onRequest: (_request, connection) => {
        if (!first) return `HTTP/1.1 100 Continue\r\nX: 1\r\n\r\n${toyResponse(200, "ok")}`;
        first = false;
        const rest = `ntinue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\n\r\n${toyResponse(200, "ok")}`;
        connection.socket.write("HTTP/1.1 10", () =>
          setImmediate(() =>
            connection.socket.write("0 Co", () => setImmediate(() => connection.send(rest))),
          ),
        );
      },
    });
    const upstream = upstreamOver([origin]);
    const done = await send(upstream).done();
    expect([done.status, done.text, done.error]).toEqual([200, "ok", undefined]);
    expect(done.informational.map((entry) => entry.status)).toEqual([103]);
    expect((await send(upstream).done()).text).toBe("ok");
    expect(origin.connections.length).toBe(1);
  });

  it("passes trailers on as sent (RFC 9110 §6.5)", async () => {
    const origin = await toy({
      onRequest: () =>
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\nx-t: \xe9\r\n\r\n",
    });
    const done = await send(upstreamOver([origin])).done();
    expect([done.text, done.complete, done.trailers]).toEqual([
      ...["ok", true, ["X-T", "1", "x-t", "\xe9"]],
    ]);
  });

  it("says that content which only the closed connection ended is not known to be whole (RFC 9112 §8)", async () => {
    const origin = await toy({
      onRequest: (_request, connection) => connection.finish("HTTP/1.1 200 OK\r\n\r\nall of it"),
    });
    const done = await send(upstreamOver([origin])).done();
    expect([done.text, done.complete, done.error]).toEqual(["all of it", false, undefined]);
  });

  for (const coding of ["gzip, chunked", "identity", "chunked, chunked", "xchunked"]) {
    it(`refuses a response with Transfer-Encoding: ${coding} (RFC 9112 §6.1)`, async () => {
      const origin = await toy({
        onRequest: (_request, connection) =>
          connection.finish(
            `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n1\r\na\r\n0\r\n\r\n`,
          ),
      });
      const done = await send(upstreamOver([origin])).done();
      expect([done.status, done.error?.code]).toEqual([undefined, "PROXY_UPSTREAM_PROTOCOL"]);
      await origin.openAtMost(0);
    });
  }

  const broken: [string, string][] = [
    [
      "length and chunks",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"],
    ["a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"],
    ["a control byte in a value", "HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n"],
    ["NUL in a value", "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"],
    ["a head of 70,000 bytes", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(70_000)}\r\n\r\n`],
    ["no HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
    ["an unasked 101", "HTTP/1.1 101 Switching\r\n\r\n"],
    ["an unasked upgrade", "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
  ];
  for (const [what, bytes] of broken) {
    it(`PUB-44: answers ${what} with an error and serves the next request`, async () => {
      let first = true;
      const origin = await toy({
        onRequest: () => {
          if (!first) return toyResponse(200, "ok");
          first = false;
          return bytes;
        },
      });
      const upstream = upstreamOver([origin]);
      const done = await send(upstream).done();
      expect(done.status).toBeUndefined();
      expect(done.error?.status).toBe(502);
      expect((await send(upstream).done()).text).toBe("ok");
      await origin.openAtMost(1);
    });
  }

  it("PUB-04: responses without content end at once and leave their connection to the next", async () => {
    const heads: Record<string, string> = {
      HEAD: "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
      "/204": "HTTP/1.1 204 No Content\r\n\r\n",
      "/304": "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
    };
    const origin = await toy({
      onRequest: (request) => heads[request.method === "HEAD" ? "HEAD" : request.target] as string,
    });
    const upstream = upstreamOver([origin]);
    const head = await send(upstream, { method: "HEAD" }).done();
    expect([head.status, head.field("content-length"), head.complete]).toEqual([200, "1234", true]);
    for (const status of [204, 304]) {
      const done = await send(upstream, { path: `/${status}` }).done();
      expect([done.status, done.text, done.complete]).toEqual([status, "", true]);
    }
    await send(upstream, { method: "HEAD" }).done();
    expect(origin.connections.length).toBe(1);
  });

  for (const field of ["Content-Length: 1234", "Transfer-Encoding: chunked"]) {
    it(`PUB-04: a 304 with ${field} ends at once`, async () => {
      const origin = await toy({ onRequest: () => `HTTP/1.1 304 NM\r\n${field}\r\n\r\n` });
      const done = await send(upstreamOver([origin])).done();
      expect([done.status, done.text, done.complete]).toEqual([304, "", true]);
    });
  }
});
