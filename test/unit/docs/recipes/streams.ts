import type { Duration } from "@gatewright/sdk";
import { createTestClock } from "gatewright/testing";
import { expect } from "vitest";

import { named, type Recipe } from "./recipe.ts";

const CALL = { "content-type": "application/grpc", te: "trailers" };
const clock = createTestClock();

/** Two events, with this pause between them. */
function eventStream(pause: Duration | undefined): Response {
  const encoder = new TextEncoder();
  async function* events(): AsyncGenerator<Uint8Array> {
    yield encoder.encode("data: 1\n\n");
    if (pause !== undefined) await clock.sleep(pause);
    yield encoder.encode("data: 2\n\n");
  }
  const headers = { "content-type": "text/event-stream" };
  return new Response(ReadableStream.from(events()), { headers });
}

export const streams: Readonly<Record<string, Recipe>> = {
  grpc: {
    upstreams: { notes: named("notes") },
    page: "gRPC needs its own client: test/integration/recipes.test.ts",
    checks: [
      {
        does: "lets a call with a token through",
        ask: "POST /notes.v1.Notes/Get",
        fields: { ...CALL, authorization: "Bearer let-me-in" },
        content: "\0\0\0\0\0",
        client: { protocol: "HTTP/2" },
        status: 200,
        upstream: "notes",
      },
      {
        does: "refuses one without",
        ask: "POST /notes.v1.Notes/Get",
        fields: CALL,
        content: "\0\0\0\0\0",
        client: { protocol: "HTTP/2" },
        status: 401,
        upstream: null,
      },
      {
        does: "asks for no token at the health service",
        ask: "POST /grpc.health.v1.Health/Check",
        fields: CALL,
        client: { protocol: "HTTP/2" },
        status: 200,
        upstream: "notes",
      },
      {
        does: "knows no other method",
        ask: "POST /notes.v1.Notes/Delete",
        fields: { ...CALL, authorization: "Bearer let-me-in" },
        client: { protocol: "HTTP/2" },
        status: 404,
        upstream: null,
      },
    ],
  },

  websocket: {
    upstreams: { app: named("app"), chat: named("chat") },
    page: "sockets need a listener: test/integration/recipes.test.ts",
    checks: [
      {
        does: "tells the service who it is",
        ask: "GET /chat",
        fields: { cookie: "user=ada", "x-user": "root" },
        status: 200,
        upstream: "chat",
        sees: { fields: { "x-user": "ada" } },
      },
      { does: "wants a cookie", ask: "GET /chat", status: 401, upstream: null },
      {
        does: "believes nobody on other paths",
        ask: "GET /",
        fields: { "x-user": "root" },
        status: 200,
        upstream: "app",
        sees: { fields: { "x-user": null } },
      },
    ],
  },

  "server-sent-events": {
    upstreams: {
      app: (_request, _context) => new Promise<Response>(() => {}),
      events: (request) => eventStream(request.url.endsWith("/slow") ? "1h" : undefined),
    },
    clock,
    checks: [
      {
        does: "passes events on",
        ask: "GET /events/orders",
        fields: { cookie: "session=1" },
        status: 200,
        answer: { "content-type": "text/event-stream" },
        text: "data: 1\n\ndata: 2\n\n",
        upstream: "events",
      },
      { does: "wants a session", ask: "GET /events/orders", status: 401, upstream: null },
      {
        does: "lets streams live for hours, ten of them for each client",
        async run(proxy) {
          const open = (): Promise<Response> =>
            proxy.fetch("/events/slow", { headers: { cookie: "session=1" } });
          const streams = await Promise.all(Array.from({ length: 10 }, open));
          expect((await open()).status).toBe(429);
          await proxy.advance("2h");
          const texts = await Promise.all(streams.map((stream) => stream.text()));
          expect(new Set(texts)).toEqual(new Set(["data: 1\n\ndata: 2\n\n"]));
        },
      },
      {
        does: "bounds everything else",
        async run(proxy) {
          const asked = proxy.fetch("/");
          await proxy.advance("31s");
          expect((await asked).status).toBe(504);
        },
      },
    ],
  },
};
