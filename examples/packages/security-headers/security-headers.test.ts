import { createTestProxy } from "gatewright/testing";
import { expect, it } from "vitest";

import securityHeaders, { type SecurityHeadersOptions } from "./index.ts";

async function fieldsOf(
  type: string,
  options: SecurityHeadersOptions = {},
  target = "/",
): Promise<Headers> {
  const fields = {
    "content-type": type,
    server: "s/1",
    "x-powered-by": "p",
    "x-own": "o",
    "referrer-policy": "no-referrer",
  };
  await using proxy = await createTestProxy({
    plugins: [securityHeaders(options)],
    upstreams: { app: { fetch: () => new Response("x", { headers: fields }) } },
  });
  return (await proxy.fetch(target)).headers;
}

it("adds what is missing and removes what tells too much", async () => {
  const headers = await fieldsOf("text/html", { remove: ["x-own"] });
  for (const name of ["server", "x-powered-by", "x-own"]) expect(headers.has(name)).toBe(false);
  expect(headers.get("content-security-policy")).toContain("default-src 'self'");
  expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
});

it("sends HSTS over TLS and not without (RFC 6797 §7.2)", async () => {
  expect((await fieldsOf("text/html")).has("strict-transport-security")).toBe(false);
  const headers = await fieldsOf("text/html", {}, "https://localhost/");
  expect(headers.get("strict-transport-security")).toBe("max-age=31536000; includeSubDomains");
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

it("isolates documents where that is asked for", async () => {
  const headers = await fieldsOf("text/html", { crossOriginEmbedderPolicy: "require-corp" });
  expect(headers.get("cross-origin-embedder-policy")).toBe("require-corp");
});

it("covers the proxy's own error answers", async () => {
  expect((await fieldsOf("text/html", {}, "/a%00b")).get("x-content-type-options")).toBe("nosniff");
});
