import { describe, expect, it } from "vitest";

import { fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

const rules = (where: string) => ({
  request: { set: { "x-last": where }, append: { "x-all": where }, remove: [`x-${where}`] },
  response: { set: { "x-last": where }, append: { "x-all": where }, remove: [`x-${where}`] },
});

const LINES = [
  "X-All: sent",
  "X-Last: sent",
  "X-Global: 1",
  "X-Upstream: 1",
  "X-Route: 1",
  "X-Other: 1",
];

describe("field rules", () => {
  it("run global, upstream, route, on requests and responses, after the hooks", async () => {
    const { get, upstream } = await throughProxy({
      api: { headers: rules("upstream") },
      config: {
        headers: rules("global"),
        routes: [{ match: { path: "/*" }, upstream: "api", headers: rules("route") }],
        onRequest(request) {
          request.headers.append("x-all", "hook");
        },
        onResponse(response) {
          response.headers.append("x-all", "hook");
        },
      },
      onRequest: () => toyResponse(200, "ok", ...LINES),
    });
    const response = await get("/", ...LINES);
    const order = ["sent", "hook", "global", "upstream", "route"];
    expect(fieldsOf(response, "x-all")).toEqual(order);
    expect(fieldsOf(response, "x-last")).toEqual(["route"]);
    const { fields, field } = await upstream.request(1);
    expect(fields.filter((_, at) => fields[at - 1]?.toLowerCase() === "x-all")).toEqual(order);
    expect(field("x-last")).toBe("route");
    for (const name of ["x-global", "x-upstream", "x-route"]) {
      expect(field(name)).toBeUndefined();
      expect(fieldOf(response, name)).toBeUndefined();
    }
    expect(field("x-other")).toBe("1");
  });

  it("default fills what is absent and nothing else", async () => {
    const { get } = await throughProxy({
      config: { headers: { response: { default: { "cache-control": "no-store", "x-new": "1" } } } },
      onRequest: () => toyResponse(200, "ok", "Cache-Control: max-age=1"),
    });
    const response = await get("/");
    expect(fieldsOf(response, "cache-control")).toEqual(["max-age=1"]);
    expect(fieldsOf(response, "x-new")).toEqual(["1"]);
  });

  it("apply to our own answers too, an upstream's apart", async () => {
    const { get } = await throughProxy({
      api: { headers: { response: { set: { "x-upstream": "1" } } } },
      config: {
        headers: {
          response: { set: { "x-global": "1", "strict-transport-security": "max-age=1" } },
        },
        onRequest: (_request, ctx) => ctx.block("no"),
      },
    });
    const response = await get("/");
    expect(response.status).toBe(403);
    expect(fieldOf(response, "x-global")).toBe("1");
    expect(fieldOf(response, "x-upstream")).toBeUndefined();
    // RFC 6797 §7.2: not over plain text.
    expect(fieldOf(response, "strict-transport-security")).toBeUndefined();
  });

  it("drop Alt-Svc of upstreams, which would send clients past us", async () => {
    const { get } = await throughProxy({
      onRequest: () => toyResponse(200, "ok", 'Alt-Svc: h3=":443"'),
    });
    expect(fieldOf(await get("/"), "alt-svc")).toBeUndefined();
  });
});
