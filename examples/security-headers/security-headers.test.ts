import { expect, it } from "vitest";

import { startProxy } from "../../test/helpers/start-proxy.ts";
import { securityHeaders } from "./security-headers.ts";

async function fieldsOf(type: string, options = {}, path = "/") {
  const proxy = await startProxy({
    config: {
      plugins: [securityHeaders(options)],
      upstreams: {
        app: {
          fetch: () =>
            new Response("x", {
              headers: {
                "content-type": type,
                server: "s/1",
                "x-powered-by": "p",
                "x-own": "o",
                "referrer-policy": "no-referrer",
              },
            }),
        },
      },
    },
  });
  return (await fetch(proxy.url + path)).headers;
}

it("adds what is missing and removes what tells too much", async () => {
  const headers = await fieldsOf("text/html", { remove: ["x-own"] });
  for (const name of ["server", "x-powered-by", "x-own"]) expect(headers.has(name)).toBe(false);
  expect(headers.get("content-security-policy")).toContain("default-src 'self'");
  expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
  // RFC 6797 §7.2: not over plain text.
  expect(headers.has("strict-transport-security")).toBe(false);
});

it("leaves out what only documents need, and what is switched off", async () => {
  const headers = await fieldsOf("image/png", { crossOriginResourcePolicy: false });
  for (const name of [
    "content-security-policy",
    "permissions-policy",
    "cross-origin-resource-policy",
  ])
    expect(headers.has(name)).toBe(false);
});

it("covers the proxy's own error answers", async () => {
  expect((await fieldsOf("text/html", {}, "/a%00b")).get("x-content-type-options")).toBe("nosniff");
});
