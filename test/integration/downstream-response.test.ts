import { describe, expect, it } from "vitest";

import type { Exchange } from "../../runtime/downstream/exchange.ts";
import { connectRaw, exchangeRaw, fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { answer, listen, outcomeOf } from "../helpers/listening.ts";

const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const HEAD = "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n";

function respond(
  status: number,
  fields: readonly string[],
  ...chunks: readonly string[]
): (exchange: Exchange) => void {
  return (exchange) => {
    exchange.writeHead(status, fields);
    for (const chunk of chunks) exchange.write(Buffer.from(chunk));
    exchange.end();
  };
}

describe("the response's framing", () => {
  it("believes Content-Length and keeps the connection (RFC 9112 §9.3)", async () => {
    const { port, exchanges } = await listen((exchange) => answer(exchange, "hello"));
    const client = await connectRaw(port);
    for (let i = 0; i < 3; i++) {
      client.send(GET);
      const response = await client.response();
      expect(response.status).toBe(200);
      expect(response.framing).toBe("length");
      expect(response.content.toString()).toBe("hello");
      expect(fieldOf(response, "connection")).toBeUndefined();
    }
    expect(exchanges).toHaveLength(3);
    expect(await outcomeOf(exchanges[0]).closed).toBe(true);
    expect(exchanges[0]?.bytesSent).toBe(5);
    client.destroy();
  });

  it("uses chunked where there is no length, with trailers at the end (RFC 9112 §7.1)", async () => {
    const { port } = await listen((exchange) => {
      exchange.writeHead(200, ["Trailer", "X-Sum"]);
      exchange.write(Buffer.from("ab"));
      exchange.write(Buffer.from("cde"));
      exchange.end(["X-Sum", "5", "x-Other", "\xe4"]);
    });
    const client = await connectRaw(port);
    client.send(GET + GET);
    for (let i = 0; i < 2; i++) {
      const response = await client.response();
      expect(response.framing).toBe("chunked");
      expect(response.content.toString()).toBe("abcde");
      expect(response.trailers).toEqual(["X-Sum", "5", "x-Other", "\xe4"]);
      expect(fieldOf(response, "trailer")).toBe("X-Sum");
    }
    client.destroy();
  });

  it("streams chunks that come in later ticks", async () => {
    const { port } = await listen((exchange) => {
      exchange.writeHead(200, []);
      setImmediate(() => {
        exchange.write(Buffer.from("late"));
        setImmediate(() => {
          exchange.write(Buffer.alloc(100_000, 0x61));
          setImmediate(() => exchange.end());
        });
      });
    });
    const client = await connectRaw(port);
    client.send(GET);
    const head = await client.readThrough("\r\n\r\n");
    expect(head).toContain("200 OK");
    expect(await client.readThrough("late\r\n")).toBe("4\r\nlate\r\n");
    expect(await client.readThrough("0\r\n\r\n")).toMatch(/^186a0\r\na{100000}\r\n0\r\n\r\n$/);
    client.destroy();
  });

  it("ends by close for HTTP/1.0 without a length, and keeps it alive with one (RFC 9112 §9.3)", async () => {
    const { port } = await listen((exchange) => {
      if (exchange.target === "/length") answer(exchange, "hello");
      else respond(200, [], "hello")(exchange);
    });
    const client = await connectRaw(port);
    client.send("GET /length HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const kept = await client.response();
    expect(fieldOf(kept, "connection")).toBe("keep-alive");
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const last = await client.response();
    expect(last.framing).toBe("close");
    expect(last.content.toString()).toBe("hello");
    expect(fieldOf(last, "connection")).toBe("close");
    const plain = await connectRaw(port);
    plain.send("GET /length HTTP/1.0\r\n\r\n");
    expect(fieldOf(await plain.response(), "connection")).toBe("close");
    expect(await plain.closes()).toBe(true);
    client.destroy();
    plain.destroy();
  });

  it("closes after a request that says so (RFC 9112 §9.6)", async () => {
    const { port } = await listen((exchange) => answer(exchange));
    const { bytes, reset } = await exchangeRaw(
      port,
      "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
    );
    expect(bytes.toString()).toContain("Connection: close\r\n");
    expect(reset).toBe(false);
  });

  it.each([
    [HEAD, 200, ["Content-Length", "1234"], "1234"],
    [HEAD, 200, [], undefined],
    [GET, 204, ["Content-Length", "0"], undefined],
    [GET, 304, ["Content-Length", "1234"], "1234"],
    [GET, 304, [], undefined],
  ])(
    "%j with %i and %j has no content and answers the next (RFC 9112 §6.3)",
    async (request, status, fields, length) => {
      const { port } = await listen(respond(status, fields, "must not be sent"));
      const client = await connectRaw(port);
      client.send(request + request);
      for (let i = 0; i < 2; i++) {
        const response = await client.response({ head: true });
        expect(response.status).toBe(status);
        expect(fieldOf(response, "content-length")).toBe(length);
        expect(fieldOf(response, "transfer-encoding")).toBeUndefined();
      }
      client.destroy();
    },
  );

  it("sends an empty content whose end comes in a later tick", async () => {
    const { port } = await listen((exchange) => {
      exchange.writeHead(200, ["Content-Length", "0"]);
      setImmediate(() => exchange.end());
    });
    const client = await connectRaw(port);
    client.send(GET + GET);
    expect((await client.response()).content).toHaveLength(0);
    expect((await client.response()).content).toHaveLength(0);
    client.destroy();
  });

  it("ends a message whose content was complete before its end", async () => {
    const { port, exchanges } = await listen((exchange) => {
      exchange.writeHead(200, ["Content-Length", "2"]);
      exchange.write(Buffer.from("ok"));
      setImmediate(() => setImmediate(() => exchange.end()));
    });
    const client = await connectRaw(port);
    client.send(GET + GET);
    await client.response();
    await client.response();
    expect(await outcomeOf(exchanges[1]).closed).toBe(true);
    expect(outcomeOf(exchanges[0]).closes).toBe(1);
    client.destroy();
  });

  it("cuts a message that is shorter than its length (RFC 9112 §8)", async () => {
    const { port, exchanges } = await listen(respond(200, ["Content-Length", "10"], "short"));
    const client = await connectRaw(port);
    client.send(GET);
    await expect(client.response()).rejects.toThrow("closed");
    expect(await outcomeOf(exchanges[0]).closed).toBe(false);
  });

  it("never writes beyond the length, and closes (RFC 9112 §6.3)", async () => {
    const { port } = await listen(respond(200, ["Content-Length", "4"], "12", "3456", "78"));
    const { bytes } = await exchangeRaw(port, GET);
    expect(bytes.toString().endsWith("\r\n\r\n1234")).toBe(true);
  });

  it("cuts a chunked message that is aborted: no last chunk", async () => {
    const { port, exchanges } = await listen((exchange) => {
      exchange.writeHead(200, []);
      exchange.write(Buffer.from("part"));
      setImmediate(() => exchange.abort());
    });
    const { bytes } = await exchangeRaw(port, GET);
    expect(bytes.toString()).toContain("4\r\npart\r\n");
    expect(bytes.toString()).not.toContain("0\r\n\r\n");
    expect(await outcomeOf(exchanges[0]).closed).toBe(false);
  });

  it("resets a message that only its close would end, if it is aborted", async () => {
    const { port } = await listen((exchange) => {
      exchange.writeHead(200, []);
      exchange.write(Buffer.from("part"));
      setTimeout(() => exchange.abort(), 20);
    });
    const { reset } = await exchangeRaw(port, "GET / HTTP/1.0\r\n\r\n");
    expect(reset).toBe(true);
  });

  it("treats an end without a head as a cut", async () => {
    const { port, exchanges } = await listen((exchange) => exchange.end());
    const { bytes } = await exchangeRaw(port, GET);
    expect(bytes).toHaveLength(0);
    expect(await outcomeOf(exchanges[0]).closed).toBe(false);
  });
});

describe("the response's head", () => {
  it("keeps order, case, number and bytes of fields, and adds Date (RFC 9110 §5.5, §6.6.1)", async () => {
    const fields = [
      "x-A",
      "1",
      "Set-Cookie",
      "a=1",
      "CONTENT-LENGTH",
      "2",
      "set-cookie",
      "b=2",
      "Content-Disposition",
      'attachment; filename="\xe4\xb8\xad.pdf"',
      "X-a",
      "",
    ];
    const { port } = await listen(respond(200, fields, "ok"));
    const client = await connectRaw(port);
    client.send(GET);
    const response = await client.response();
    expect(response.fields.slice(0, fields.length)).toEqual(fields);
    expect(fieldsOf(response, "date")).toHaveLength(1);
    expect(Math.abs(Date.parse(fieldOf(response, "date") ?? "") - Date.now())).toBeLessThan(3000);
    client.destroy();
  });

  it("keeps a Date that is there", async () => {
    const { port } = await listen(respond(204, ["date", "Tue, 15 Nov 1994 08:12:31 GMT"]));
    const client = await connectRaw(port);
    client.send(GET);
    expect(fieldsOf(await client.response(), "date")).toEqual(["Tue, 15 Nov 1994 08:12:31 GMT"]);
    client.destroy();
  });

  it("does not let fields decide about the connection or the framing", async () => {
    const { port } = await listen(
      respond(
        200,
        [
          "Connection",
          "close, x-a",
          "Keep-Alive",
          "timeout=1",
          "Transfer-Encoding",
          "gzip, chunked",
          "Content-Length",
          "2",
        ],
        "ok",
      ),
    );
    const client = await connectRaw(port);
    client.send(GET + GET);
    for (let i = 0; i < 2; i++) {
      const response = await client.response();
      expect(response.framing).toBe("length");
      expect(fieldOf(response, "connection")).toBeUndefined();
      expect(fieldOf(response, "keep-alive")).toBeUndefined();
    }
    client.destroy();
  });

  it.each([
    ["a line break in a value", ["X-A", "1\r\nSet-Cookie: b=2"]],
    ["a control byte in a value", ["X-A", "\u0001"]],
    ["a character that is no byte", ["X-A", "日本"]],
    ["a space in a name", ["X A", "1"]],
    ["two lengths that differ", ["Content-Length", "1", "Content-Length", "2"]],
    ["a length that is no number", ["Content-Length", "+1"]],
  ])("throws on %s before anything is sent", async (_what, fields) => {
    const { port, errors } = await listen((exchange) => exchange.writeHead(200, fields));
    const { bytes } = await exchangeRaw(port, GET);
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 500 /);
    expect(errors).toHaveLength(1);
    errors.length = 0;
  });

  it("answers 500 for a serve that throws, and 0 for its later writes", async () => {
    const { port, errors, exchanges } = await listen(() => {
      throw new Error("broken");
    });
    const { bytes, reset } = await exchangeRaw(port, GET);
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 500 .*Connection: close\r\n/s);
    expect(bytes.toString()).not.toContain("broken");
    expect(reset).toBe(false);
    expect(errors).toHaveLength(1);
    errors.length = 0;
    const exchange = exchanges[0] as Exchange;
    exchange.writeHead(200, []);
    expect(exchange.write(Buffer.from("x"))).toBe(true);
    exchange.end();
    exchange.abort();
    expect(outcomeOf(exchange).closes).toBe(1);
  });
});

describe("informational responses", () => {
  it("go out raw before the head and never after it (RFC 9110 §15.2)", async () => {
    const { port } = await listen((exchange) => {
      exchange.writeInformational(102, []);
      exchange.writeInformational(103, [
        "Link",
        "</a.css>; rel=preload",
        "Link",
        "</b.css>",
        "X-Raw",
        "\xff",
      ]);
      answer(exchange);
      exchange.writeInformational(103, ["Link", "</late.css>"]);
    });
    const client = await connectRaw(port);
    client.send(GET);
    expect((await client.response()).status).toBe(102);
    const hints = await client.response();
    expect(hints.fields).toEqual([
      "Link",
      "</a.css>; rel=preload",
      "Link",
      "</b.css>",
      "X-Raw",
      "\xff",
    ]);
    const final = await client.response();
    expect(final.status).toBe(200);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    const { bytes } = await client.readUntilClose();
    expect(bytes.toString()).not.toContain("late.css");
  });

  it("do not go to HTTP/1.0", async () => {
    const { port } = await listen((exchange) => {
      exchange.writeInformational(103, ["Link", "</a.css>"]);
      answer(exchange);
    });
    const client = await connectRaw(port);
    client.send("GET / HTTP/1.0\r\n\r\n");
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });
});

describe("back pressure", () => {
  it("reports a slow client and its recovery; what was written arrives whole", async () => {
    const total = 32 * 1024 * 1024;
    const { port, exchanges } = await listen((exchange) => {
      exchange.writeHead(200, ["Content-Length", `${total}`]);
      const chunk = Buffer.alloc(64 * 1024, 0x62);
      let left = total;
      const fill = () => {
        while (left > 0) {
          left -= chunk.length;
          if (!exchange.write(chunk) && left > 0) return;
        }
        exchange.end();
      };
      const { receiver } = exchange;
      exchange.receiver = {
        onDrain() {
          receiver?.onDrain();
          fill();
        },
        onClose: (complete) => receiver?.onClose(complete),
      };
      Object.assign(exchange, { outcome: receiver });
      fill();
    });
    const client = await connectRaw(port);
    client.socket.pause();
    client.send(GET);
    await expect.poll(() => exchanges.length).toBe(1);
    const outcome = (
      exchanges[0] as unknown as { outcome: { drains: number; closed: Promise<boolean> } }
    ).outcome;
    expect(exchanges[0]?.bytesSent).toBeLessThan(total);
    client.socket.resume();
    const response = await client.response();
    expect(response.content).toHaveLength(total);
    expect(await outcome.closed).toBe(true);
    expect(outcome.drains).toBeGreaterThan(0);
    client.destroy();
  });

  it("tells once that the client went away, and takes later writes for nothing", async () => {
    const { port, exchanges } = await listen((exchange) => {
      exchange.writeHead(200, []);
      exchange.write(Buffer.from("first"));
    });
    const client = await connectRaw(port);
    client.send(GET);
    await client.readThrough("first\r\n");
    client.reset();
    const exchange = exchanges[0] as Exchange;
    expect(await outcomeOf(exchange).closed).toBe(false);
    expect(exchange.write(Buffer.from("second"))).toBe(true);
    exchange.end();
    exchange.abort();
    expect(outcomeOf(exchange).closes).toBe(1);
  });

  it("takes the client's FIN for its going away while a response is being made", async () => {
    const { port, exchanges } = await listen(() => undefined);
    const client = await connectRaw(port);
    client.send(GET);
    await expect.poll(() => exchanges.length).toBe(1);
    client.end();
    expect(await outcomeOf(exchanges[0]).closed).toBe(false);
    expect(await client.closes()).toBe(true);
  });
});

describe("writes", () => {
  it("puts head and content of a small response into one segment", async () => {
    const { port } = await listen((exchange) => {
      if (exchange.target === "/length") answer(exchange);
      else respond(200, [], "ok")(exchange);
    });
    for (const target of ["/length", "/chunked"]) {
      const client = await connectRaw(port);
      const chunks: Buffer[] = [];
      client.socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      client.send(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      await client.response();
      expect(chunks).toHaveLength(1);
      client.destroy();
    }
  });
});
