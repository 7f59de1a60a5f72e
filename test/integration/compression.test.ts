import zlib from "node:zlib";

import { afterEach, describe, expect, it } from "vitest";

import { fieldOf, type RawResponse } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse, type ToyConnection } from "../helpers/toy-upstream.ts";

const CSS = "a { color: red }\n".repeat(400);
const LONG = JSON.stringify(
  Array.from({ length: 8000 }, (_, id) => ({ id, name: `user ${(id * 7919) % 1000}` })),
);
const DECODE: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => zlib.gunzipSync(bytes),
  br: (bytes) => zlib.brotliDecompressSync(bytes),
  zstd: (bytes) => zlib.zstdDecompressSync(bytes),
};

function decoded(response: RawResponse): string {
  const coding = fieldOf(response, "Content-Encoding");
  return (coding === undefined ? response.content : DECODE[coding]!(response.content)).toString();
}

function binary(bytes: Buffer, ...lines: string[]): Buffer {
  return Buffer.concat([
    Buffer.from(
      `${["HTTP/1.1 200 OK", ...lines, `Content-Length: ${bytes.length}`].join("\r\n")}\r\n\r\n`,
    ),
    bytes,
  ]);
}

function css(...lines: string[]): { onRequest: () => string } {
  return { onRequest: () => toyResponse(200, CSS, "Content-Type: text/css", ...lines) };
}

describe("a response whose content shrinks", () => {
  it.each(["gzip", "br", "zstd"])("goes out as %s to a client that wants that", async (coding) => {
    const { get, upstream } = await throughProxy({
      onRequest: ({ target }) =>
        toyResponse(200, target === "/long" ? LONG : CSS, "Content-Type: application/json"),
    });
    for (const target of ["/short", "/long"]) {
      const response = await get(target, `Accept-Encoding: ${coding}`);
      expect(fieldOf(response, "Content-Encoding")).toBe(coding);
      expect(fieldOf(response, "Vary")).toBe("Accept-Encoding");
      expect(fieldOf(response, "Content-Length")).toBeUndefined();
      expect(decoded(response)).toBe(target === "/long" ? LONG : CSS);
      expect(response.content.length).toBeLessThan(LONG.length / 4);
    }
    expect(upstream.requests[0]?.field("accept-encoding")).toBe(coding);
  });

  it("is sent plain, with the same Vary, to one that names none or refuses all (PUB-18, PUB-19)", async () => {
    const { get } = await throughProxy(css());
    for (const lines of [
      [],
      ["Accept-Encoding: "],
      ["Accept-Encoding: *;q=0"],
      ["Accept-Encoding: brotli"],
    ]) {
      const response = await get("/", ...lines);
      expect(fieldOf(response, "Content-Encoding")).toBeUndefined();
      expect(fieldOf(response, "Content-Length")).toBe(String(CSS.length));
      expect(fieldOf(response, "Vary")).toBe("Accept-Encoding");
      expect(response.content.toString()).toBe(CSS);
    }
  });

  it("is chosen for by all lines of the field (RFC 9110 §5.3)", async () => {
    const { get } = await throughProxy(css());
    const response = await get("/", "Accept-Encoding: br, gzip", "Accept-Encoding: br;q=0");
    expect(fieldOf(response, "Content-Encoding")).toBe("gzip");
  });

  it("from a hook is compressed too, with its length", async () => {
    const { get } = await throughProxy({
      config: { onRequest: (_request, ctx) => ctx.json({ text: CSS }) },
    });
    const response = await get("/", "Accept-Encoding: gzip");
    expect(fieldOf(response, "Content-Encoding")).toBe("gzip");
    expect(fieldOf(response, "Content-Length")).toBe(String(response.content.length));
    expect(decoded(response)).toBe(JSON.stringify({ text: CSS }));
  });

  it("is compressed after the edits of hooks", async () => {
    const { get } = await throughProxy({
      ...css(),
      config: {
        onResponse(response) {
          response.transform(async function* (chunks) {
            for await (const chunk of chunks) yield Buffer.from(chunk).toString().toUpperCase();
          });
        },
      },
    });
    expect(decoded(await get("/", "Accept-Encoding: br"))).toBe(CSS.toUpperCase());
  });

  it("answers HEAD with the fields of GET", async () => {
    const { ask } = await throughProxy(css());
    const head = await ask("HEAD / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n", {
      head: true,
    });
    expect(fieldOf(head, "Content-Encoding")).toBe("gzip");
    expect(fieldOf(head, "Vary")).toBe("Accept-Encoding");
    expect(fieldOf(head, "Content-Length")).toBeUndefined();
  });
});

describe("what is left as it is", () => {
  it.each([
    ["an image", ["Content-Type: image/png"]],
    ["an archive", ["Content-Type: application/zip"]],
    ["what has no type", []],
    [
      "what may not be transformed (RFC 9110 §7.7)",
      ["Content-Type: text/css", "Cache-Control: no-transform"],
    ],
    ["what has a coding (PUB-17)", ["Content-Type: text/css", "Content-Encoding: br"]],
    ["what has a coding that nobody knows", ["Content-Type: text/css", "Content-Encoding: own"]],
  ])("%s", async (_what, lines) => {
    const { get } = await throughProxy({ onRequest: () => toyResponse(200, CSS, ...lines) });
    const response = await get("/", "Accept-Encoding: gzip, br");
    expect(response.content.toString()).toBe(CSS);
    expect(fieldOf(response, "Content-Length")).toBe(String(CSS.length));
    expect(fieldOf(response, "Vary")).toBeUndefined();
  });

  it("content below minSize, and a request that forbids it (RFC 9111 §5.2.1.6)", async () => {
    const { get } = await throughProxy({
      onRequest: ({ target }) =>
        toyResponse(200, CSS.slice(0, Number(target.slice(1))), "Content-Type: text/css"),
    });
    const coding = async (target: string, ...lines: string[]): Promise<string | undefined> =>
      fieldOf(await get(target, "Accept-Encoding: gzip", ...lines), "Content-Encoding");
    expect(await coding("/1023")).toBeUndefined();
    expect(await coding("/1024")).toBe("gzip");
    expect(await coding("/1024", "Cache-Control: no-transform")).toBeUndefined();
  });

  it("206 and 416, with the Vary of the whole (PUB-17, RFC 9110 §15.3.7)", async () => {
    const { get } = await throughProxy({
      onRequest: ({ target }) =>
        target === "/part"
          ? toyResponse(
              206,
              CSS.slice(0, 2000),
              "Content-Type: text/css",
              `Content-Range: bytes 0-1999/${CSS.length}`,
            )
          : target === "/several"
            ? toyResponse(206, CSS, "Content-Type: multipart/byteranges; boundary=x")
            : toyResponse(
                416,
                CSS,
                "Content-Type: text/css",
                `Content-Range: bytes */${CSS.length}`,
              ),
    });
    const part = await get("/part", "Accept-Encoding: gzip", "Range: bytes=0-1999");
    expect(part.content.toString()).toBe(CSS.slice(0, 2000));
    expect(fieldOf(part, "Content-Encoding")).toBeUndefined();
    expect(fieldOf(part, "Vary")).toBe("Accept-Encoding");
    const several = await get("/several", "Accept-Encoding: gzip", "Range: bytes=0-1,4-5");
    expect(several.content.toString()).toBe(CSS);
    expect(fieldOf(several, "Content-Encoding")).toBeUndefined();
    expect(fieldOf(several, "Content-Type")).toBe("multipart/byteranges; boundary=x");
    const none = await get("/none", "Accept-Encoding: gzip", "Range: bytes=99999-");
    expect(none.content.toString()).toBe(CSS);
  });
});

describe("Content-Encoding: identity", () => {
  it("is no coding: what says so is coded once (PUB-17, RFC 9110 §8.4)", async () => {
    const { get } = await throughProxy({
      onRequest: () =>
        toyResponse(200, CSS, "Content-Type: text/css", "Content-Encoding: identity"),
    });
    const coded = await get("/", "Accept-Encoding: gzip");
    expect(fieldOf(coded, "Content-Encoding")).toBe("gzip");
    expect(zlib.gunzipSync(coded.content).toString()).toBe(CSS);
    expect((await get("/")).content.toString()).toBe(CSS);
  });
});

describe("content that its client cannot read", () => {
  it.each([
    ["identity", undefined],
    ["", undefined],
    ["gzip;q=0, *;q=0", undefined],
    ["zstd", "zstd"],
  ])("is made plain, or another coding, for Accept-Encoding: %s", async (accept, coding) => {
    const { get } = await throughProxy({
      onRequest: () =>
        binary(zlib.gzipSync(CSS), "Content-Type: text/css", "Content-Encoding: gzip", 'ETag: "g"'),
    });
    const response = await get("/", `Accept-Encoding: ${accept}`);
    expect(fieldOf(response, "Content-Encoding")).toBe(coding);
    expect(fieldOf(response, "ETag")).toBe('W/"g-coded"');
    expect(fieldOf(response, "Vary")).toBe("Accept-Encoding");
    expect(decoded(response)).toBe(CSS);
  });

  it("passes untouched to one that can, and to one that says nothing (RFC 9110 §12.5.3)", async () => {
    const bytes = zlib.gzipSync(CSS);
    const { get } = await throughProxy({
      onRequest: () => binary(bytes, "Content-Type: image/png", "Content-Encoding: gzip"),
    });
    for (const lines of [[], ["Accept-Encoding: br, gzip"], ["Accept-Encoding: x-gzip"]]) {
      const response = await get("/", ...lines);
      expect(response.content.equals(bytes)).toBe(true);
      expect(fieldOf(response, "Content-Length")).toBe(String(bytes.length));
    }
  });
});

describe("entity tags of compressed responses (PUB-18)", () => {
  const origin = {
    onRequest: ({ field }: { field(name: string): string | undefined }) =>
      field("if-none-match")?.split(", ").includes('"v1"') === true
        ? 'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\nAccept-Ranges: bytes\r\nVary: Origin\r\n\r\n'
        : toyResponse(
            200,
            CSS,
            "Content-Type: text/css",
            'ETag: "v1"',
            "Accept-Ranges: bytes",
            "Vary: Origin",
          ),
  };

  it("are weak on every coded variant, and the origin's own on the plain one", async () => {
    const { get } = await throughProxy(origin);
    for (const coding of ["gzip", "br", "zstd"]) {
      const response = await get("/", `Accept-Encoding: ${coding}`);
      expect(fieldOf(response, "ETag")).toBe('W/"v1-coded"');
      expect(fieldOf(response, "Accept-Ranges")).toBeUndefined();
      expect(fieldOf(response, "Vary")).toBe("Origin, Accept-Encoding");
    }
    const plain = await get("/");
    expect(fieldOf(plain, "ETag")).toBe('"v1"');
    expect(fieldOf(plain, "Accept-Ranges")).toBe("bytes");
    expect(fieldOf(plain, "Vary")).toBe("Origin, Accept-Encoding");
  });

  it("that are weak already are those of every variant, also in a 304", async () => {
    const { get, upstream } = await throughProxy({
      onRequest: ({ field }) =>
        field("if-none-match") === 'W/"w"'
          ? 'HTTP/1.1 304 Not Modified\r\nETag: W/"w"\r\n\r\n'
          : toyResponse(200, CSS, "Content-Type: text/css", 'ETag: W/"w"'),
    });
    for (const coding of ["gzip", "identity"]) {
      const whole = await get("/", `Accept-Encoding: ${coding}`);
      expect([fieldOf(whole, "ETag"), decoded(whole)]).toEqual(['W/"w"', CSS]);
      const none = await get("/", `Accept-Encoding: ${coding}`, 'If-None-Match: W/"w"');
      expect([none.status, fieldOf(none, "ETag"), fieldOf(none, "Vary")]).toEqual([
        304,
        'W/"w"',
        "Accept-Encoding",
      ]);
    }
    expect(upstream.requests).toHaveLength(4);
  });

  it("come back to the origin as its own, and a 304 has the client's (RFC 9110 §15.4.5)", async () => {
    const { get, upstream } = await throughProxy(origin);
    const coded = await get("/", "Accept-Encoding: gzip", 'If-None-Match: W/"v1-coded"');
    expect(coded.status).toBe(304);
    expect(fieldOf(coded, "ETag")).toBe('W/"v1-coded"');
    expect(fieldOf(coded, "Vary")).toBe("Origin, Accept-Encoding");
    expect(fieldOf(coded, "Accept-Ranges")).toBeUndefined();
    expect(upstream.requests[0]?.field("if-none-match")).toBe('"v1"');
    const plain = await get("/", "Accept-Encoding: gzip", 'If-None-Match: "v1"');
    expect(plain.status).toBe(304);
    expect(fieldOf(plain, "ETag")).toBe('"v1"');
  });

  it("protect a PUT by If-Match, and never join parts by If-Range (RFC 9110 §13.1.5)", async () => {
    const { ask, upstream } = await throughProxy(origin);
    await ask(
      'PUT / HTTP/1.1\r\nHost: a.test\r\nIf-Match: W/"v1-coded"\r\nContent-Length: 0\r\n\r\n',
    );
    expect(upstream.requests[0]?.field("if-match")).toBe('"v1"');
    const whole = await ask(
      'GET / HTTP/1.1\r\nHost: a.test\r\nRange: bytes=9-\r\nIf-Range: W/"v1-coded"\r\n\r\n',
    );
    expect(upstream.requests[1]?.field("range")).toBeUndefined();
    expect(upstream.requests[1]?.field("if-range")).toBeUndefined();
    expect(whole.status).toBe(200);
  });
});

describe("options of compression", () => {
  const wants = "Accept-Encoding: gzip, br, zstd";

  it("take effect for all routes, and for a route key by key", async () => {
    const { get, upstream } = await throughProxy({
      ...css(),
      config: {
        compression: { encodings: ["gzip"], minSize: "4kb" },
        routes: [
          { match: { path: "/off" }, upstream: "api", compression: false },
          { match: { path: "/br" }, upstream: "api", compression: { encodings: ["br"] } },
          { match: { path: "/big" }, upstream: "api", compression: { minSize: "1mb" } },
          { match: { path: "/types" }, upstream: "api", compression: { types: ["text/html"] } },
          { match: { path: "/own" }, upstream: "api", compression: { upstream: "identity" } },
          { upstream: "api" },
        ],
      },
    });
    const coding = async (target: string): Promise<string | undefined> =>
      fieldOf(await get(target, wants), "Content-Encoding");
    expect(await coding("/")).toBe("gzip");
    expect(await coding("/off")).toBeUndefined();
    expect(await coding("/br")).toBe("br");
    expect(await coding("/big")).toBeUndefined();
    expect(await coding("/types")).toBeUndefined();
    expect(await coding("/own")).toBe("gzip");
    expect(upstream.requests.map((one) => one.field("accept-encoding"))).toEqual([
      ...Array.from({ length: 5 }, () => "gzip, br, zstd"),
      "identity",
    ]);
  });

  it("turn it off, and on again for one route", async () => {
    const { get } = await throughProxy({
      ...css('ETag: "v1"'),
      config: {
        compression: false,
        routes: [{ match: { path: "/on" }, upstream: "api", compression: {} }, { upstream: "api" }],
      },
    });
    expect(fieldOf(await get("/on", wants), "Content-Encoding")).toBe("zstd");
    const plain = await get("/", wants);
    expect(fieldOf(plain, "Content-Encoding")).toBeUndefined();
    expect(fieldOf(plain, "Vary")).toBeUndefined();
  });

  it("yield to ctx.compression.off()", async () => {
    const { get } = await throughProxy({
      ...css(),
      config: {
        onRequest(request, ctx) {
          if (request.path === "/secret") ctx.compression.off();
        },
      },
    });
    expect(fieldOf(await get("/secret", wants), "Content-Encoding")).toBeUndefined();
    expect(fieldOf(await get("/", wants), "Content-Encoding")).toBe("zstd");
  });
});

describe("a stream that is compressed (PUB-16)", () => {
  const decoders: { close(): void }[] = [];
  afterEach(() => {
    for (const decoder of decoders.splice(0)) decoder.close();
  });

  it.each([
    ["gzip", "text/event-stream; charset=utf-8", () => zlib.createGunzip()],
    ["br", "text/event-stream", () => zlib.createBrotliDecompress()],
    ["zstd", "text/plain", () => zlib.createZstdDecompress()],
  ] as const)(
    "as %s (%s) gives its head before its first event, and each event at once",
    async (coding, type, create) => {
      let origin: ToyConnection | undefined;
      const { connect, upstream } = await throughProxy({
        onRequest: (_request, to) => {
          origin = to;
          return `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`;
        },
      });
      const client = await connect();
      await client.send(`GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: ${coding}\r\n\r\n`);
      const head = await client.readThrough("\r\n\r\n");
      expect(head).toContain(`Content-Encoding: ${coding}\r\n`);
      const decoder = create();
      decoders.push(decoder);
      let text = "";
      decoder.on("data", (chunk: Buffer) => (text += chunk.toString()));
      for (let i = 0; i < 5; i++) {
        const event = `data: ${String(i).padStart(12, "0")}\n\n`;
        origin?.send(`14\r\n${event}\r\n`);
        // No later event pushes this one out.
        while (!text.endsWith(event)) {
          const size = Number.parseInt(await client.readThrough("\r\n"), 16);
          decoder.write(await client.read(size));
          await client.read(2);
          await new Promise<void>((resolve) => decoder.flush(resolve));
        }
      }
      client.destroy();
      await upstream.openAtMost(0);
    },
  );

  it("ends with its client: nothing of it is left at the upstream", async () => {
    const { proxy, connect, upstream } = await throughProxy({
      onRequest: (_request, to) => {
        to.send(
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        to.send(`${CSS.length.toString(16)}\r\n${CSS}\r\n`);
      },
    });
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n");
    await client.readThrough("\r\n\r\n");
    client.destroy();
    await upstream.openAtMost(0);
    expect((await proxy.accessed()).outcome).toBe("aborted");
  });

  it("is cut where its upstream's is, never ended as if it were whole", async () => {
    const { connect, proxy } = await throughProxy({
      onRequest: (_request, to) => {
        to.send(
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        to.send(`${CSS.length.toString(16)}\r\n${CSS}\r\n`);
        setImmediate(() => to.socket.destroy());
      },
    });
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n");
    const { bytes } = await client.readUntilClose();
    expect(bytes.toString("latin1").endsWith("0\r\n\r\n")).toBe(false);
    expect(proxy.takeErrors().map((line) => line["code"])).toEqual(["PROXY_UPSTREAM_RESET"]);
  });
});
