/** gRPC by its own library on both sides, through the whole proxy, with hooks in every phase. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Metadata, status, type ServiceError } from "@grpc/grpc-js";
import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { getNote, grpcService, notesClient, type Note } from "../helpers/grpc-service.ts";
import { scaled } from "../helpers/scale.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const tlsFile = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

async function throughGrpc(front: "h2c" | "TLS", config: GatewrightConfig<string> = {}) {
  const service = await grpcService();
  const phases: string[] = [];
  const proxy = await startProxy({
    config: {
      listen:
        front === "h2c"
          ? { port: 0, h2c: true }
          : {
              port: 0,
              tls: {
                certificates: [{ cert: tlsFile("localhost.pem"), key: tlsFile("localhost.key") }],
              },
            },
      onRequest: async (request) => {
        await Promise.resolve();
        phases.push(`request ${request.path}`);
        request.headers.set("x-hook", "was here");
      },
      onResponse: async (response) => {
        await Promise.resolve();
        phases.push(`response ${response.status}`);
      },
      ...config,
      upstreams: { notes: { targets: [service.url], http2: true }, ...config.upstreams },
    },
  });
  const client = notesClient(
    `localhost:${proxy.port}`,
    front === "TLS" ? readFileSync(tlsFile("localhost.pem")) : undefined,
  );
  return { service, proxy, client, phases };
}

describe.each(["h2c", "TLS"] as const)("gRPC, %s in front and h2c behind", (front) => {
  it("unary calls come with metadata both ways and status in trailers", async () => {
    const { client, phases } = await throughGrpc(front);
    const metadata = new Metadata();
    metadata.add("x-multi", "1");
    metadata.add("x-multi", "2");
    metadata.set("x-raw-bin", Buffer.from([0, 1, 255]));
    const { error, value, head, trailers } = await getNote(client, "metadata", { metadata });
    expect(error).toBe(null);
    const seen = JSON.parse(String(value?.content)) as Record<string, unknown>;
    expect(seen["x-hook"]).toBe("was here");
    expect(String(seen["x-multi"])).toBe("1, 2");
    expect(seen["x-raw-bin"]).toEqual({ type: "Buffer", data: [0, 1, 255] });
    expect(head?.get("x-start")).toEqual(["h"]);
    expect(trailers?.get("x-end")).toEqual(["t"]);
    expect(trailers?.get("x-end-bin")).toEqual([Buffer.from([0, 255])]);
    expect(phases).toEqual(["request /notes.v1.Notes/Get", "response 200"]);
  });

  it("an error's code, message and metadata arrive, also when the response is nothing but a head", async () => {
    const { client } = await throughGrpc(front);
    const { error, trailers } = await getNote(client, "missing");
    expect([error?.code, error?.details]).toEqual([status.NOT_FOUND, "no such note: ÄÖ%"]);
    expect(trailers?.get("reason")).toEqual(["never-written"]);
  });

  it("server streaming delivers every message in order, whatever the size", async () => {
    const { client } = await throughGrpc(front);
    const count = scaled(200, 2000);
    const notes = await readAll(client.list({ count, bytes: 20_000 }));
    expect(notes.map((note) => Number(note.id))).toEqual(
      Array.from({ length: count }, (_, i) => i + 1),
    );
    expect(notes.every((note) => note.content.length === 20_000)).toBe(true);
  });

  it("client streaming carries every message with back pressure", async () => {
    const { client } = await throughGrpc(front);
    const count = scaled(200, 2000);
    const summary = new Promise((resolve, reject) => {
      const call = client.upload((error, value) =>
        error === null ? resolve(value) : reject(error),
      );
      const content = Buffer.alloc(20_000, 1);
      void (async () => {
        for (let i = 0; i < count; i++) {
          if (!call.write({ id: String(i), content })) await once(call, "drain");
        }
        call.end();
      })();
    });
    expect(await summary).toEqual({ count, bytes: String(count * 20_000) });
  });

  it("bidirectional streaming answers each message before the next is sent", async () => {
    const { client } = await throughGrpc(front);
    const call = client.chat();
    for (const id of ["a", "b", "c"]) {
      call.write({ id, content: Buffer.from(id) });
      const [answer] = (await once(call, "data")) as [Note];
      expect([answer.id, String(answer.content)]).toEqual([`re: ${id}`, id]);
    }
    call.end();
    call.on("data", () => {});
    const [end] = (await once(call, "status")) as [{ code: number }];
    expect(end.code).toBe(status.OK);
  });

  it("a deadline reaches the service and ends the call on both sides", async () => {
    const { client, service } = await throughGrpc(front);
    const { error } = await getNote(client, "deadline", { deadline: Date.now() + 300 });
    expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
    await service.saw("cancelled deadline");
    expect(service.seen).toContain("deadline true");
  });

  it("a call that the client cancels is cancelled at the service", async () => {
    const { client, service, proxy } = await throughGrpc(front);
    const call = client.chat();
    call.on("error", () => {});
    call.on("data", () => {});
    call.write({ id: "x" });
    await service.saw("chat x");
    call.cancel();
    await service.saw("cancelled chat");
    const list = client.list({ count: 100_000, bytes: 10_000 });
    list.on("error", () => {});
    await once(list, "data");
    list.cancel();
    await service.saw("cancelled list");
    expect((await getNote(client, "after")).value?.id).toBe("after");
    await proxy.accessed((record) => record.path.endsWith("/Get"));
  });

  it("a service that dies in a stream is an error at the client, never an end", async () => {
    const { client, service, proxy } = await throughGrpc(front);
    const list = client.list({ count: 1_000_000, bytes: 10_000 });
    await once(list, "data");
    list.resume();
    const failed = once(list, "error") as Promise<[ServiceError]>;
    service.server.forceShutdown();
    const [error] = await failed;
    expect([status.INTERNAL, status.UNAVAILABLE, status.CANCELLED, status.UNKNOWN]).toContain(
      error.code,
    );
    expect(proxy.takeErrors().map((line) => line["code"])).toEqual(["PROXY_UPSTREAM_RESET"]);
  });

  it("a service that cannot be reached is UNAVAILABLE", async () => {
    const { client, service, proxy } = await throughGrpc(front);
    service.server.forceShutdown();
    const { error } = await getNote(client, "x");
    expect(error?.code).toBe(status.UNAVAILABLE);
    proxy.takeErrors();
  });
});

async function readAll(stream: AsyncIterable<Note>): Promise<Note[]> {
  const notes: Note[] = [];
  for await (const note of stream) notes.push(note);
  return notes;
}
