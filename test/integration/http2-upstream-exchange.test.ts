import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { createServer as createTlsServer } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";

import { sourceFromBytes } from "../../runtime/http/readable-source.ts";
import { http2Origin, http2UpstreamOver } from "../helpers/http2-origin.ts";
import { FedSource, send } from "../helpers/recording-receiver.ts";

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));

describe("a request", () => {
  it("goes out with its pseudo-fields first and every field line in order, names in lower case (RFC 9113 §8.2, §8.3)", async () => {
    const origin = await http2Origin();
    const upstream = http2UpstreamOver([origin]);
    const fields = [
      "X-Dup",
      "1",
      "cookie",
      "a=1; b=2",
      "x-dup",
      "2",
      "Content-Type",
      "a",
      "X-L",
      "\u00e9",
    ];
    const done = await send(upstream, { path: "/a?b=%20", fields }).done();
    expect([done.status, done.text, done.trailers, done.complete]).toEqual([
      200,
      "/a?b=%20",
      [],
      true,
    ]);
    expect(done.targets).toEqual([`127.0.0.1:${origin.port}`]);
    expect(origin.requests[0]?.fields).toEqual([
      ...[":method", "GET", ":scheme", "http", ":authority", "a.test", ":path", "/a?b=%20"],
      ...["x-dup", "1", "cookie", "a=1; b=2", "x-dup", "2", "content-type", "a", "x-l", "\u00e9"],
    ]);
  });

  it("names the target where no authority is given", async () => {
    const origin = await http2Origin();
    await send(http2UpstreamOver([origin]), { authority: undefined }).done();
    expect(origin.requests[0]?.fields).toContain(`127.0.0.1:${origin.port}`);
  });

  it("never has connection-specific fields, whatever slipped through (RFC 9113 §8.2.2)", async () => {
    const origin = await http2Origin();
    const fields = [
      ...[
        "Connection",
        "x",
        "Keep-Alive",
        "1",
        "Proxy-Connection",
        "x",
        "Transfer-Encoding",
        "chunked",
      ],
      ...[
        "Upgrade",
        "h2c",
        "HTTP2-Settings",
        "x",
        "TE",
        "gzip",
        "Host",
        "b",
        "Content-Length",
        "7",
        "X",
        "1",
      ],
    ];
    expect((await send(http2UpstreamOver([origin]), { fields }).done()).status).toBe(200);
    expect(origin.requests[0]?.fields.slice(8)).toEqual(["x", "1"]);
  });

  it("with a value that would begin a field of its own is not sent", async () => {
    const origin = await http2Origin();
    const upstream = http2UpstreamOver([origin]);
    const values = ["a\0evil\0b\0\0", "a\r\nb", "a\nb", "\u010a", "\u0100"];
    const parts = values.flatMap((value) => [
      { fields: ["x", value] },
      { path: `/${value}` },
      { authority: value },
      { method: value },
    ]);
    for (const part of parts) {
      expect((await send(upstream, part).done()).error?.code).toBe("PROXY_INTERNAL");
    }
    expect((await send(upstream).done()).status).toBe(200);
    expect(origin.requests.length).toBe(1);
  });

  it("carries content from memory, from a source with a length and from one without", async () => {
    const origin = await http2Origin({
      onRequest: ({ stream }) => {
        stream.respond({ ":status": 200 });
        stream.pipe(stream);
      },
    });
    const upstream = http2UpstreamOver([origin]);
    const inMemory = send(upstream, {
      method: "POST",
      content: sourceFromBytes(Buffer.from("abc")),
    });
    expect((await inMemory.done()).text).toBe("abc");
    expect(origin.requests[0]?.fields.slice(8)).toEqual(["content-length", "3"]);
    for (const length of [6, undefined]) {
      const content = new FedSource(length);
      const receiver = send(upstream, { method: "POST", content });
      await content.opened;
      content.write("abc");
      content.write("def");
      content.end();
      expect((await receiver.done()).text).toBe("abcdef");
    }
    expect(origin.requests[1]?.fields.slice(8)).toEqual(["content-length", "6"]);
    expect(origin.requests[2]?.fields.slice(8)).toEqual([]);
    await send(upstream, { method: "POST", content: sourceFromBytes(Buffer.alloc(0)) }).done();
    expect(origin.requests[3]?.fields.slice(8)).toEqual(["content-length", "0"]);
  });

  it("sends its trailers, without those that must not come late (RFC 9110 §6.5.1)", async () => {
    const trailers: unknown[] = [];
    const origin = await http2Origin({
      onRequest: ({ stream }) => {
        stream.on("trailers", (_fields, _flags, raw: unknown) => trailers.push(raw));
        stream.on("end", () => {
          stream.respond({ ":status": 200 });
          stream.end();
        });
        stream.resume();
      },
    });
    const content = new FedSource();
    const receiver = send(http2UpstreamOver([origin]), { method: "POST", content });
    await content.opened;
    content.write("abc");
    content.sink?.onEnd(["X-Sum", "1", "Host", "evil", "x-sum", "2", "Content-Length", "3"]);
    await receiver.done();
    expect(trailers).toEqual([["x-sum", "1", "x-sum", "2"]]);
  });

  it("that breaks off is cancelled, never ended as if it were whole", async () => {
    const origin = await http2Origin({ onRequest: () => {} });
    const content = new FedSource();
    const receiver = send(http2UpstreamOver([origin]), { method: "POST", content });
    const { stream } = await origin.arrived(1);
    content.write("abc");
    content.fail(new Error("client gone"));
    await once(stream, "close");
    expect([stream.rstCode, stream.readableEnded]).toEqual([8, false]);
    expect((await receiver.done()).error?.code).toBe("PROXY_REQUEST_CONTENT_INCOMPLETE");
  });

  it("keeps TE for gRPC alone, and only as `trailers` (RFC 9113 §8.2.2)", async () => {
    const origin = await http2Origin();
    const upstream = http2UpstreamOver([origin]);
    for (const type of ["application/grpc", "application/grpc+proto", "Application/gRPC; a=b"]) {
      await send(upstream, { fields: ["content-type", type, "te", "gzip"] }).done();
      expect(origin.requests.at(-1)?.fields.slice(10)).toEqual(["te", "trailers"]);
    }
    for (const type of ["application/grpc-web", "application/grp", "text/html"]) {
      await send(upstream, { fields: ["content-type", type, "te", "trailers"] }).done();
      expect(origin.requests.at(-1)?.fields.slice(10)).toEqual([]);
    }
  });
});

describe("a response", () => {
  it("comes with informational heads, field lines in order and number, and trailers", async () => {
    const origin = await http2Origin({
      onRequest: ({ stream }) => {
        stream.additionalHeaders({ ":status": 103, link: "</a>" });
        stream.respond(
          [":status", "201", "set-cookie", "a", "x", "h\u00e9", "set-cookie", "b"] as never,
          { waitForTrailers: true },
        );
        stream.on("wantTrailers", () => stream.sendTrailers({ "x-t": ["1", "2"] }));
        stream.end("content");
      },
    });
    const done = await send(http2UpstreamOver([origin])).done();
    expect(done.informational).toEqual([{ status: 103, fields: ["link", "</a>"] }]);
    expect([done.status, done.text, done.complete]).toEqual([201, "content", true]);
    expect(done.fields.slice(0, 6)).toEqual(["set-cookie", "a", "x", "h\u00e9", "set-cookie", "b"]);
    expect(done.trailers).toEqual(["x-t", "1", "x-t", "2"]);
  });

  it("of nothing but a head is over in the same turn, so that gRPC's Trailers-Only stays one", async () => {
    const origin = await http2Origin({
      onRequest: ({ stream }) =>
        stream.respond({ ":status": 200, "grpc-status": "5" }, { endStream: true }),
    });
    let overInTurn = false;
    const receiver = send(
      http2UpstreamOver([origin]),
      {},
      {
        onHead: () => queueMicrotask(() => (overInTurn = receiver.over)),
      },
    );
    await receiver.done();
    expect([overInTurn, receiver.field("grpc-status"), receiver.text]).toEqual([true, "5", ""]);
  });

  it("to HEAD and of 204 and 304 has no content", async () => {
    const origin = await http2Origin({
      onRequest: ({ stream, path }) =>
        stream.respond(
          { ":status": Number(path.slice(1)), "content-length": "5" },
          { endStream: true },
        ),
    });
    const upstream = http2UpstreamOver([origin]);
    for (const [method, path] of [
      ["HEAD", "/200"],
      ["GET", "/304"],
    ] as const) {
      const done = await send(upstream, { method, path }).done();
      expect([done.status, done.bytes, done.error]).toEqual([Number(path.slice(1)), 0, undefined]);
    }
  });

  it("that comes before the request's end stops the upload", async () => {
    const origin = await http2Origin({
      onRequest: ({ stream }) => {
        stream.respond({ ":status": 413 });
        stream.end("no");
      },
    });
    const content = new FedSource();
    const receiver = send(http2UpstreamOver([origin]), { method: "POST", content });
    await receiver.done();
    expect([receiver.status, receiver.text, content.cancelled]).toEqual([413, "no", true]);
  });
});

describe("back pressure", () => {
  it("stops the upstream while the reader pauses, and only this stream", async () => {
    let written = 0;
    const origin = await http2Origin({
      onRequest: ({ stream, path }) => {
        stream.respond({ ":status": 200 });
        if (path !== "/big") {
          stream.end("small");
          return;
        }
        const chunk = Buffer.alloc(65_536);
        const write = (): void => {
          while (written < 64 * chunk.length) {
            written += chunk.length;
            if (!stream.write(chunk)) {
              stream.once("drain", write);
              return;
            }
          }
          stream.end();
        };
        write();
      },
    });
    const upstream = http2UpstreamOver([origin]);
    const receiver = send(upstream, { path: "/big" }, { onData: () => receiver.call?.pause() });
    await receiver.when(() => receiver.bytes > 0);
    for (let i = 0; i < 5; i++) expect((await send(upstream).done()).text).toBe("small");
    const before = written;
    for (let i = 0; i < 20; i++) await send(upstream).done();
    expect(written).toBe(before);
    expect(before).toBeLessThan(1_000_000);
    expect(receiver.bytes).toBeLessThan(70_000);
    receiver.on = {};
    receiver.call?.resume();
    expect((await receiver.done()).bytes).toBe(64 * 65_536);
    expect(origin.sessions.length).toBe(1);
  });

  it("pauses the client while the upstream does not read", async () => {
    const origin = await http2Origin({
      onRequest: ({ stream }) => stream.respond({ ":status": 200 }),
    });
    const content = new FedSource();
    const receiver = send(http2UpstreamOver([origin]), { method: "POST", content });
    const { stream } = await origin.arrived(1);
    let sent = 0;
    while (!content.paused && sent < 10_000_000) {
      content.write(Buffer.alloc(16_384));
      sent += 16_384;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(1_000_000);
    let got = 0;
    stream.on("data", (chunk: Buffer) => (got += chunk.length));
    stream.on("end", () => stream.end());
    await content.wanted();
    content.end();
    await receiver.done();
    expect(got).toBe(sent);
  });
});

describe("a target that does not speak HTTP/2", () => {
  it("over TLS is a connect error that names the option", async () => {
    for (const ALPNProtocols of [["http/1.1"], undefined]) {
      const server = createTlsServer(
        {
          cert: fixture("localhost.pem"),
          key: fixture("localhost.key"),
          ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }),
        },
        (socket) => socket.on("error", () => {}),
      );
      server.on("tlsClientError", () => {});
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      onTestFinished(() => void server.close());
      const { port } = server.address() as AddressInfo;
      const target = {
        scheme: "https" as const,
        hostname: "localhost",
        port,
        authority: "x",
        weight: 1,
      };
      const upstream = http2UpstreamOver([], {
        targets: [target],
        tls: { ca: fixture("localhost.pem") },
      });
      const { error } = await send(upstream).done();
      expect(error?.code).toBe("PROXY_UPSTREAM_CONNECT");
      expect(error?.message).toContain("remove `http2` from the upstream toys");
      expect(upstream.stats().open).toBe(0);
    }
  });

  it("over plain text is a connect error that names the option, and nothing of the request was sent", async () => {
    for (const answer of ["HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", ""]) {
      let got = "";
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", (chunk: Buffer) => {
          got += chunk.toString("latin1");
          socket.end(answer);
        });
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      onTestFinished(() => void server.close());
      const { port } = server.address() as AddressInfo;
      const upstream = http2UpstreamOver([{ host: "127.0.0.1", port }]);
      const { error } = await send(upstream, { path: "/secret" }).done();
      expect(error?.code).toBe("PROXY_UPSTREAM_CONNECT");
      expect(error?.message).toContain("remove `http2`");
      expect(got).not.toContain("secret");
    }
  });
});

describe("an https target", () => {
  it("is spoken to by ALPN h2 and verified by the target's name", async () => {
    const tls = { cert: fixture("localhost.pem"), key: fixture("localhost.key") };
    const origin = await http2Origin(tls);
    const { port } = origin;
    const target = {
      scheme: "https" as const,
      hostname: "localhost",
      port,
      authority: "x",
      weight: 1,
    };
    const upstream = http2UpstreamOver([], { targets: [target], tls: { ca: tls.cert } });
    const done = await send(upstream, { scheme: "http", path: "/tls" }).done();
    expect([done.text, done.error]).toEqual(["/tls", undefined]);
    expect(origin.requests[0]?.fields.slice(2, 4)).toEqual([":scheme", "https"]);
    const untrusted = http2UpstreamOver([], { targets: [target] });
    expect((await send(untrusted).done()).error?.code).toBe("PROXY_UPSTREAM_CONNECT");
  });
});
