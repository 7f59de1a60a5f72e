import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { connect } from "node:tls";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { MAX_HELLO_BYTES, readHello } from "../../../runtime/downstream/client-hello.ts";

/** The first flight of node's own client. */
async function helloOf(options: {
  servername?: string;
  ALPNProtocols?: string[];
}): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: "127.0.0.1", ...options });
  client.on("error", () => {});
  const [socket] = (await once(server, "connection")) as [Socket];
  let received = Buffer.alloc(0);
  while (readHello(received) === undefined) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    received = Buffer.concat([received, chunk]);
  }
  client.destroy();
  socket.destroy();
  server.close();
  return received;
}

/** The same message in records of `size` bytes (RFC 8446 §5.1). */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    parts.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
  }
  return Buffer.concat(parts);
}

const REAL = await helloOf({ servername: "www.Example.test", ALPNProtocols: ["h2", "http/1.1"] });
const FACTS = { servername: "www.Example.test", protocols: ["h2", "http/1.1"] };
const NOTHING = { servername: undefined, protocols: [] };

describe("readHello", () => {
  it("reads name and protocols of a real ClientHello", () => {
    expect(readHello(REAL)).toEqual(FACTS);
  });

  it("reads one without name and protocols", async () => {
    expect(readHello(await helloOf({}))).toEqual(NOTHING);
  });

  it("waits for the rest, wherever it is cut", () => {
    for (let at = 0; at < REAL.length; at++) {
      expect(readHello(REAL.subarray(0, at))).toBeUndefined();
    }
  });

  it.each([1, 3, 4, 100])("reads it from records of %i bytes", (size) => {
    const records = inRecords(REAL, size);
    expect(readHello(records)).toEqual(FACTS);
    expect(readHello(records.subarray(0, records.length - 1))).toBeUndefined();
  });

  it.each([
    ["plain HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["an alert", Buffer.from([21, 3, 3, 0, 2, 2, 40])],
    ["another handshake message", Buffer.from([22, 3, 3, 0, 4, 2, 0, 0, 0])],
    ["an empty record", Buffer.from([22, 3, 3, 0, 0])],
    ["a length beyond all reason", Buffer.from([22, 3, 3, 0, 4, 1, 0xff, 0xff, 0xff])],
  ])("leaves %s to TLS", (_what, bytes) => {
    expect(readHello(bytes)).toEqual(NOTHING);
  });

  it("never waits for more than it may hold", () => {
    const endless = inRecords(Buffer.concat([REAL.subarray(0, 9), Buffer.alloc(70_000)]), 16_000);
    expect(readHello(endless.subarray(0, MAX_HELLO_BYTES))).not.toBeUndefined();
    const unfinished = Buffer.from(REAL.subarray(0, 9));
    unfinished.writeUIntBE(MAX_HELLO_BYTES - 4, 6, 3);
    expect(readHello(unfinished)).toBeUndefined();
    expect(
      readHello(
        inRecords(Buffer.concat([unfinished, Buffer.alloc(31_000)]), 1).subarray(
          0,
          MAX_HELLO_BYTES,
        ),
      ),
    ).toEqual(NOTHING);
  });

  it("does not throw, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        readHello(Buffer.from(bytes));
        const message = Buffer.concat([
          Buffer.from([1, 0, bytes.length >> 8, bytes.length & 255]),
          bytes,
        ]);
        readHello(
          Buffer.concat([
            Buffer.from([22, 3, 1, message.length >> 8, message.length & 255]),
            message,
          ]),
        );
      }),
    );
  });

  it("does not throw on a real one with bytes changed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(REAL.length - 1), fc.nat(255)), { maxLength: 8 }),
        (changes) => {
          const bytes = Buffer.from(REAL);
          for (const [at, value] of changes) bytes[at] = value;
          readHello(bytes);
        },
      ),
    );
  });
});
