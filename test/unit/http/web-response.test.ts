import { describe, expect, it } from "vitest";

import { fromWebResponse, isWebResponse } from "../../../runtime/http/web-response.ts";

describe("fromWebResponse", () => {
  it("gives status, one line for each Set-Cookie, and the length of what is there", async () => {
    const headers = new Headers({ "X-A": "1", "Content-Length": "999" });
    headers.append("Set-Cookie", "a=1");
    headers.append("Set-Cookie", "b=2");
    const { status, fields, content } = await fromWebResponse(
      new Response("body", { status: 418, headers }),
    );
    expect(status).toBe(418);
    expect(fields).toEqual([
      ...["content-type", "text/plain;charset=UTF-8", "set-cookie", "a=1", "set-cookie", "b=2"],
      ...["x-a", "1", "content-length", "4"],
    ]);
    expect(Buffer.from(content?.bytes ?? []).toString()).toBe("body");
  });

  it("has no content where the Response has none, and keeps its Content-Length", async () => {
    const headers = { "Content-Length": "12" };
    expect(await fromWebResponse(new Response(null, { status: 304, headers }))).toEqual({
      status: 304,
      fields: ["content-length", "12"],
      content: undefined,
    });
  });

  it("drops Content-Encoding where the first chunk denies it", async () => {
    const seen: string[] = [];
    const deny = (coding: string, chunk: Uint8Array): boolean => {
      seen.push(`${coding} ${Buffer.from(chunk).toString()}`);
      return false;
    };
    const response = new Response("plain", { headers: { "Content-Encoding": "br" } });
    const { fields } = await fromWebResponse(response, deny);
    expect(fields).not.toContain("content-encoding");
    expect(seen).toEqual(["br plain"]);
    const kept = new Response("coded", { headers: { "Content-Encoding": "br" } });
    expect((await fromWebResponse(kept, () => true)).fields).toContain("content-encoding");
    const unasked = new Response("coded", { headers: { "Content-Encoding": "br" } });
    expect((await fromWebResponse(unasked)).fields).toContain("content-encoding");
  });

  it("says what is wrong with a Response that cannot be sent", async () => {
    await expect(fromWebResponse(Response.error())).rejects.toThrow(/status 0/);
    const read = new Response("x");
    await read.text();
    await expect(fromWebResponse(read)).rejects.toThrow(/was read already/);
    const locked = new Response("x");
    locked.body?.getReader();
    await expect(fromWebResponse(locked)).rejects.toThrow(/was read already/);
  });
});

describe("isWebResponse", () => {
  it("goes by shape, so that a Response of another package is one", () => {
    const foreign = { status: 200, headers: new Headers(), body: null, bodyUsed: false };
    expect(isWebResponse(foreign)).toBe(true);
    expect(isWebResponse(new Response())).toBe(true);
    for (const other of [
      null,
      undefined,
      "x",
      {},
      { status: 200, headers: {} },
      new Request("http://a"),
    ]) {
      expect(isWebResponse(other)).toBe(false);
    }
  });
});
