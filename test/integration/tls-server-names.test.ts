import { describe, expect, it } from "vitest";

import {
  authority,
  certificateFor,
  fingerprintOf,
  handshake,
  servedFor,
} from "../helpers/certificates.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const answers = { demo: { fetch: () => new Response("hello") } };

describe("certificates by server name (PUB-28)", () => {
  it("takes names without regard to case, exact before wildcard, one label for a wildcard", async () => {
    const ca = await authority();
    const [first, exact, wildcard] = await Promise.all([
      certificateFor(["first.test"], { authority: ca }),
      certificateFor(
        ["A.Example.Test", "münchen.example.test"].map((n) => n.replace("ü", "u")),
        { authority: ca },
      ),
      certificateFor(["*.Example.Test"], { authority: ca }),
    ]);
    const proxy = await startProxy({
      config: {
        listen: { port: 0, tls: { certificates: [first, wildcard, exact] } },
        upstreams: answers,
      },
    });
    expect(proxy.url).toMatch(/^https:/);
    const { port } = proxy;
    expect(await servedFor(port, "a.example.test")).toBe(fingerprintOf(exact));
    expect(await servedFor(port, "A.EXAMPLE.TEST")).toBe(fingerprintOf(exact));
    expect(await servedFor(port, "www.example.test")).toBe(fingerprintOf(wildcard));
    expect(await servedFor(port, "WWW.Example.Test")).toBe(fingerprintOf(wildcard));
    expect(await servedFor(port, "a.b.example.test")).toBe(fingerprintOf(first));
    expect(await servedFor(port, "example.test")).toBe(fingerprintOf(first));
    expect(await servedFor(port, undefined)).toBe(fingerprintOf(first));
  });

  it("refuses unknown names with unrecognized_name where told to", async () => {
    const one = await certificateFor(["a.test"]);
    const proxy = await startProxy({
      config: {
        listen: { port: 0, tls: { certificates: [one], unknownName: "refuse" } },
        upstreams: answers,
      },
    });
    expect(await servedFor(proxy.port, "a.test")).toBe(fingerprintOf(one));
    await expect(servedFor(proxy.port, "b.test")).rejects.toMatchObject({
      code: "ERR_SSL_TLSV1_UNRECOGNIZED_NAME",
    });
    // No name is not an unknown one.
    expect(await servedFor(proxy.port, undefined)).toBe(fingerprintOf(one));
  });
});

void handshake;
