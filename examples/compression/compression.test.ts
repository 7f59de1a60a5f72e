import { request as httpRequest, type IncomingMessage } from "node:http";
import { createBrotliDecompress } from "node:zlib";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: import.meta.dirname });
});

afterAll(async () => {
  await proxy?.stop();
});

describe("the proxy", () => {
  it("compresses a page for a client that wants that", async () => {
    const response = await get("/page", { "accept-encoding": "gzip, br" });
    expect(response.headers["content-encoding"]).toBe("br");
    expect(response.headers["etag"]).toBe('W/"v1-coded"');
    expect(response.headers["vary"]).toBe("Accept-Encoding");
    let text = "";
    for await (const chunk of response.pipe(createBrotliDecompress())) text += String(chunk);
    expect(text.length).toBe(8000);
  });

  it.each(["/account", "/page?plain", "/photo"])("leaves %s alone", async (path) => {
    const response = await get(path, { "accept-encoding": "gzip, br" });
    expect(response.headers["content-encoding"]).toBeUndefined();
    response.destroy();
  });

  it("sends compressed events one by one", async () => {
    const response = await get("/events", { "accept-encoding": "br" });
    expect(response.headers["content-encoding"]).toBe("br");
    const decoded = response.pipe(createBrotliDecompress());
    const [first] = await new Promise<[Buffer]>((resolve) => {
      decoded.once("data", (chunk: Buffer) => resolve([chunk]));
    });
    expect(first.toString()).toBe("data: 1\n\n");
    response.destroy();
  });
});

/** node:http, because `fetch` decodes content by itself. */
function get(path: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  httpRequest(`${proxy.url}${path}`, { headers }).on("response", resolve).on("error", reject).end();
  return promise;
}
