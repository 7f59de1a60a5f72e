import { describe, expect, it } from "vitest";

import { fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

const RAW_NAME = 'attachment; filename="\xe4\xb8\xad.pdf"';

describe("field values of an upstream (PUB-44)", () => {
  it("pass with their bytes 0x80 to 0xFF unchanged (RFC 9110 §5.5)", async () => {
    const { get } = await throughProxy({
      onRequest: () => toyResponse(200, "ok", `Content-Disposition: ${RAW_NAME}`),
    });
    const response = await get("/");
    expect(fieldOf(response, "Content-Disposition")).toBe(RAW_NAME);
    expect(response.content.toString()).toBe("ok");
  });

  it("pass so when a hook reads and edits the response", async () => {
    const seen: (string | null)[] = [];
    const { get } = await throughProxy({
      onRequest: () => toyResponse(200, "ok", `Content-Disposition: ${RAW_NAME}`),
      config: {
        async onResponse(response) {
          seen.push(response.headers.get("content-disposition"));
          response.setBody(`${await response.text()}!`);
        },
      },
    });
    const response = await get("/");
    expect(fieldOf(response, "Content-Disposition")).toBe(RAW_NAME);
    expect(seen).toEqual([RAW_NAME]);
    expect(response.content.toString()).toBe("ok!");
  });

  it.each(["X: a\x01b", "Set-Cookie: k=\x01", "X: a\x00b", "X: a\x7fb"])(
    "with a control byte (%j) are answered with 502, and others are served",
    async (line) => {
      const { get, proxy } = await throughProxy({
        onRequest: ({ target }) => toyResponse(200, "ok", ...(target === "/bad" ? [line] : [])),
      });
      const response = await get("/bad");
      expect(response.status).toBe(502);
      expect(fieldsOf(response, "Set-Cookie")).toEqual([]);
      expect(proxy.takeErrors()).toMatchObject([{ code: "PROXY_UPSTREAM_PROTOCOL" }]);
      expect((await get("/good")).status).toBe(200);
    },
  );
});

const BAD: readonly (readonly [shown: string, name: string, value: unknown])[] = [
  ["characters that are no byte", "x", "日本"],
  ["a line break", "x", "a\r\nSet-Cookie: h=1"],
  ["a bare line feed", "x", "a\nSet-Cookie: h=1"],
  ["a control byte", "x", "a\x01b"],
  ["a name that is no token", "bad name", "1"],
  ["a name with a line break", "x\r\nSet-Cookie", "h=1"],
  ["an empty name", "", "1"],
  ["undefined", "x", undefined],
  ["null", "x", null],
  ["an object", "x", {}],
  ["NaN", "x", Number.NaN],
];

type Setter = "set" | "append";

describe.each(["set", "append"] as const)(
  "field values of a hook by %s (PUB-44)",
  (how: Setter) => {
    it.each(BAD)("%s: a logged 500, and no second field", async (_shown, name, value) => {
      const { get, proxy, upstream } = await throughProxy({
        config: {
          onRequest(request) {
            if (request.path === "/request") request.headers[how](name, value as string);
          },
          onResponse(response, ctx) {
            if (ctx.state["done"] === true || response.source !== "upstream") return;
            response.headers[how](name, value as string);
          },
        },
      });
      for (const target of ["/request", "/response"]) {
        const response = await get(target);
        expect(response.status).toBe(500);
        expect(fieldsOf(response, "Set-Cookie")).toEqual([]);
        expect(proxy.takeErrors()).toMatchObject([{ code: "PROXY_HOOK_FIELD", hook: "config" }]);
      }
      expect(upstream.requests).toHaveLength(1);
    });

    it("may be a number", async () => {
      const { get } = await throughProxy({
        config: { onResponse: (response) => response.headers[how]("x-count", 3) },
      });
      expect(fieldOf(await get("/"), "x-count")).toBe("3");
    });
  },
);

describe("field values of a hook's answer (PUB-44)", () => {
  it.each(BAD.filter(([shown]) => shown !== "an empty name"))(
    "%s: a logged 500",
    async (_shown, name, value) => {
      const { get, proxy } = await throughProxy({
        config: {
          onRequest: (_request, ctx) => ctx.respond(200, "x", { [name]: value as string }),
        },
      });
      const response = await get("/");
      expect(response.status).toBe(500);
      expect(fieldsOf(response, "Set-Cookie")).toEqual([]);
      expect(proxy.takeErrors()).toHaveLength(1);
    },
  );
});
