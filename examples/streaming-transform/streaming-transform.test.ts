import { request as httpRequest, type IncomingMessage } from "node:http";
import { gunzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";
import { replaceText } from "./replace-text.ts";

const EDITED =
  "<!-- first -->\n<p>See <a href='https://new.example/a'>this</a> and https://new.example/b.</p>\n<!-- last -->";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: import.meta.dirname });
});

afterAll(async () => {
  await proxy?.stop();
});

describe("the proxy", () => {
  it("edits a page whose words are cut in two, and sends it chunked with a weak validator", async () => {
    const response = await get("/plain");
    expect(response.headers["transfer-encoding"]).toBe("chunked");
    expect(response.headers["content-length"]).toBeUndefined();
    expect(response.headers["etag"]).toBe('W/"v1"');
    expect((await read(response)).toString()).toBe(EDITED);
  });

  it("decodes, edits and encodes a compressed page", async () => {
    const response = await get("/gzip", { "accept-encoding": "gzip" });
    expect(response.headers["content-encoding"]).toBe("gzip");
    expect(response.headers["content-length"]).toBeUndefined();
    expect(gunzipSync(await read(response)).toString()).toBe(EDITED);
  });

  it("sends edited chunks before the page has ended", async () => {
    const response = await fetch(`${proxy.url}/endless`);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("<p>2: https://new.example/</p>")) text += (await reader.read()).value;
    await reader.cancel();
    expect(text.startsWith("<!-- first -->\n<p>1: https://new.example/</p>\n")).toBe(true);
  });

  it("leaves other content alone", async () => {
    const response = await get("/data.json");
    expect((await read(response)).toString()).toBe('{"url":"http://old.example/"}');
  });
});

describe("replaceText", () => {
  it.each([1, 2, 3, 7, 100])("gives the same text for chunks of %i bytes", async (size) => {
    const text = "ababc abcab aabab€c";
    expect(await edited(text, size)).toBe(text.replaceAll("ababc", "€"));
  });

  async function edited(text: string, size: number): Promise<string> {
    const bytes = new TextEncoder().encode(text);
    async function* chunks() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    let result = "";
    for await (const chunk of replaceText("ababc", "€")(chunks())) {
      result += typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
    }
    return result;
  }
});

/** node:http, because `fetch` decodes content by itself. */
function get(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  httpRequest(`${proxy.url}${path}`, { headers }).on("response", resolve).on("error", reject).end();
  return promise;
}

async function read(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
