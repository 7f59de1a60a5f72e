import { once } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, expect, it } from "vitest";
import { WebSocket, type ClientOptions } from "ws";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";
import { createChatServer } from "./chat-server.ts";

const ADA: ClientOptions = { headers: { cookie: "user=ada" } };

let chat: Server;
let proxy: StartedProxy;

beforeAll(async () => {
  chat = createChatServer().listen(0, "127.0.0.1");
  await once(chat, "listening");
  const { port } = chat.address() as AddressInfo;
  proxy = await startCommand(["start", "--port", "0"], {
    dir: import.meta.dirname,
    env: { CHAT_URL: `http://127.0.0.1:${port}` },
  });
});

afterAll(async () => {
  await proxy?.stop();
  chat?.close();
});

it("carries text and binary messages in both directions", async () => {
  const socket = await open(ADA);
  socket.send("hello");
  expect(await message(socket)).toBe("ada: hello");
  const bytes = Buffer.alloc(300_000, 7);
  socket.send(bytes);
  expect(bytes.equals((await message(socket)) as Buffer)).toBe(true);
  socket.close();
  await once(socket, "close");
});

it("passes on the server's close code", async () => {
  const socket = await open(ADA);
  socket.send("bye");
  const [code, reason] = (await once(socket, "close")) as [number, Buffer];
  expect([code, String(reason)]).toEqual([4000, "goodbye"]);
});

it("accepts a page of its own", async () => {
  const socket = await open({ ...ADA, origin: proxy.url });
  socket.terminate();
});

it("refuses an upgrade without the cookie, from onRequest", async () => {
  expect(await refusal({})).toBe(401);
});

it("refuses a page of somebody else, from onUpgrade", async () => {
  expect(await refusal({ ...ADA, origin: "https://evil.example" })).toBe(403);
});

it("relays the server's own refusal", async () => {
  expect(await refusal(ADA, "/nowhere")).toBe(400);
});

function connect(options: ClientOptions, path: string): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${proxy.port}${path}`, options);
}

async function open(options: ClientOptions): Promise<WebSocket> {
  const socket = connect(options, "/chat");
  await once(socket, "open");
  return socket;
}

async function message(socket: WebSocket): Promise<string | Buffer> {
  const [bytes, isBinary] = (await once(socket, "message")) as [Buffer, boolean];
  return isBinary ? bytes : String(bytes);
}

async function refusal(options: ClientOptions, path = "/chat"): Promise<number | undefined> {
  const socket = connect(options, path);
  socket.on("error", () => {});
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
  response.resume();
  socket.terminate();
  return response.statusCode;
}
