import { Metadata, status, type Server, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";
import { createGreeterClient, startGreeter, type GreeterClient, type Greeting } from "./greeter.ts";

let server: Server;
let proxy: StartedProxy;
let client: GreeterClient;
const token = new Metadata();
token.set("authorization", "Bearer let-me-in");

beforeAll(async () => {
  const greeter = await startGreeter("127.0.0.1:0");
  server = greeter.server;
  proxy = await startCommand(["start", "--port", "0"], {
    dir: import.meta.dirname,
    env: { GREETER_URL: `http://127.0.0.1:${greeter.port}` },
  });
  client = createGreeterClient(`127.0.0.1:${proxy.port}`);
});

afterAll(async () => {
  client?.close();
  await proxy?.stop();
  server?.forceShutdown();
});

it("carries a call, with metadata that a hook added", async () => {
  const { greeting } = await greet(token);
  expect(greeting?.text).toBe("Hello world, says ada");
});

it("carries a stream of messages", async () => {
  const texts: string[] = [];
  for await (const { text } of client.count({ to: 5 }, token) as AsyncIterable<Greeting>) {
    texts.push(text);
  }
  expect(texts).toEqual(["1", "2", "3", "4", "5"]);
});

it("refuses a call without a token, in terms that gRPC knows", async () => {
  const { error } = await greet(new Metadata());
  expect(error?.code).toBe(status.UNAUTHENTICATED);
});

function greet(metadata: Metadata): Promise<{ error: ServiceError | null; greeting?: Greeting }> {
  return new Promise((resolve) => {
    client.greet({ name: "world" }, metadata, (error, greeting) =>
      resolve(greeting === undefined ? { error } : { error, greeting }),
    );
  });
}
