import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import {
  certificateFor,
  fingerprintOf,
  handshake,
  servedFor,
  visit,
  type TestCertificate,
} from "../helpers/certificates.ts";
import { isFullScale, scaled } from "../helpers/scale.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

const upstreams = { demo: { fetch: () => new Response("hello") } };

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gatewright-tls-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function put(folder: string, one: TestCertificate, name = "site"): Promise<void> {
  await writeFile(join(folder, `${name}.pem`), one.cert);
  await writeFile(join(folder, `${name}.key`), one.key);
}

/** Each file beside the old one, then renamed over it. */
async function swap(folder: string, one: TestCertificate, name = "site"): Promise<void> {
  await put(folder, one, `.${name}`);
  await rename(join(folder, `.${name}.pem`), join(folder, `${name}.pem`));
  await rename(join(folder, `.${name}.key`), join(folder, `${name}.key`));
}

/** Starts a proxy with the pair of this folder. */
function startWith(folder: string): Promise<TestProxy> {
  const pair = { cert: join(folder, "site.pem"), key: join(folder, "site.key") };
  return startProxy({ config: { listen: { port: 0, tls: { certificates: [pair] } }, upstreams } });
}

/** Waits until new handshakes get this certificate. */
async function served(port: number, one: TestCertificate, name = "a.test"): Promise<void> {
  await expect
    .poll(() => servedFor(port, name), { timeout: 5000, interval: 20 })
    .toBe(fingerprintOf(one));
}

async function ask(session: ClientHttp2Session): Promise<string> {
  const stream = session.request({ ":path": "/", ":authority": "a.test" });
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

describe("renewed certificates on disk (PUB-29)", () => {
  it("keeps the old pair while cert and key do not match, are empty or expired, and says so", async () => {
    const folder = await makeFolder();
    const [first, second, third] = await Promise.all(
      [1, 2, 3].map(() => certificateFor(["a.test"])),
    );
    const expired = await certificateFor(["a.test"], { days: -1 });
    if (!first || !second || !third) throw new Error("unreachable");
    await put(folder, first);
    const proxy = await startWith(folder);
    const { port } = proxy;
    const held = await handshake(port, { servername: "a.test" });
    let ended = false;
    held.on("close", () => (ended = true));
    const session = connectHttp2(`https://127.0.0.1:${port}`, {
      servername: "a.test",
      rejectUnauthorized: false,
    });
    onTestFinished(() => session.destroy());
    session.on("close", () => (ended = true));
    expect(await ask(session)).toBe("hello");

    await writeFile(join(folder, "site.pem"), second.cert);
    await proxy.log.line((line) => /does not belong to .* stays in use/.test(line.msg ?? ""));
    expect(await servedFor(port, "a.test")).toBe(fingerprintOf(first));
    await writeFile(join(folder, "site.key"), second.key);
    await served(port, second);

    await swap(folder, third);
    await served(port, third);

    await writeFile(join(folder, "site.pem"), "");
    await proxy.log.line((line) => /is empty\. .* stays in use/.test(line.msg ?? ""));
    expect(await servedFor(port, "a.test")).toBe(fingerprintOf(third));

    await put(folder, expired);
    await proxy.log.line((line) => /expired on .* stays in use/.test(line.msg ?? ""));
    expect(await servedFor(port, "a.test")).toBe(fingerprintOf(third));

    await put(folder, first);
    await served(port, first);
    // The connections from before all that are as they were.
    expect(ended).toBe(false);
    expect(await ask(session)).toBe("hello");
    held.write("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    let text = "";
    for await (const chunk of held) text += String(chunk);
    expect(text).toContain("hello");
  });

  it("sees a folder swapped by a link, as Kubernetes does it", async () => {
    const folder = await makeFolder();
    const [first, second] = await Promise.all([
      certificateFor(["a.test"]),
      certificateFor(["a.test"]),
    ]);
    for (const [name, one] of [
      ["..1", first],
      ["..2", second],
    ] as const) {
      await mkdir(join(folder, name));
      await put(join(folder, name), one, "tls");
    }
    await symlink("..1", join(folder, "..data"));
    await symlink("..data/tls.pem", join(folder, "site.pem"));
    await symlink("..data/tls.key", join(folder, "site.key"));
    const { port } = await startWith(folder);
    expect(await servedFor(port, "a.test")).toBe(fingerprintOf(first));
    await symlink("..2", join(folder, "..next"));
    await rename(join(folder, "..next"), join(folder, "..data"));
    await served(port, second);
  });

  it("takes up and lets go of pairs in a folder, and passes over a broken one", async () => {
    const folder = await makeFolder();
    const [first, second, nested] = await Promise.all([
      certificateFor(["a.test"]),
      certificateFor(["b.test"]),
      certificateFor(["c.test"]),
    ]);
    await put(folder, first, "a");
    await mkdir(join(folder, "c.test"));
    await writeFile(join(folder, "c.test/fullchain.pem"), nested.cert);
    await writeFile(join(folder, "c.test/privkey.pem"), nested.key);
    await writeFile(join(folder, "broken.pem"), "nothing");
    const proxy = await startProxy({
      config: { listen: { port: 0, tls: { certificates: [{ folder }] } }, upstreams },
    });
    const { port } = proxy;
    expect(proxy.takeErrors()).toMatchObject([
      { msg: expect.stringContaining("broken.pem") as string },
    ]);
    expect(await servedFor(port, "a.test")).toBe(fingerprintOf(first));
    expect(await servedFor(port, "c.test")).toBe(fingerprintOf(nested));
    await put(folder, second, "b");
    await served(port, second, "b.test");
    proxy.takeErrors();
  });

  it(
    "fails no handshake while certificates are renewed under load",
    async () => {
      const folder = await makeFolder();
      const rounds = scaled(25, 500);
      const certificates = await Promise.all(
        Array.from({ length: 5 }, () => certificateFor(["a.test"])),
      );
      await put(folder, certificates[0] as TestCertificate);
      const proxy = await startWith(folder);
      const known = new Set(certificates.map(fingerprintOf));
      let done = false;
      let count = 0;
      const seen = new Set<string>();
      const load = Array.from({ length: 4 }, async () => {
        while (!done) {
          const { fingerprint, text } = await visit(proxy.port, { servername: "a.test" });
          expect(text).toContain("hello");
          expect(known).toContain(fingerprint);
          seen.add(fingerprint);
          count += 1;
        }
      });
      for (let round = 1; round <= rounds; round++) {
        const next = certificates[round % certificates.length] as TestCertificate;
        await swap(folder, next);
        await served(proxy.port, next);
      }
      done = true;
      await Promise.all(load);
      expect(count).toBeGreaterThan(rounds);
      expect(seen.size).toBe(certificates.length);
    },
    scaled(30_000, 300_000),
  );

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "resumes a session after ten renewals (%s)",
    async (version) => {
      const folder = await makeFolder();
      const certificates = await Promise.all(
        Array.from({ length: 11 }, () => certificateFor(["a.test"])),
      );
      await put(folder, certificates[0] as TestCertificate);
      const { port } = await startWith(folder);
      const options = { servername: "a.test", minVersion: version, maxVersion: version };
      const first = await visit(port, options);
      expect(first.isReused).toBe(false);
      for (const next of certificates.slice(1)) {
        await swap(folder, next);
        await served(port, next);
      }
      const again = await visit(port, { ...options, session: first.session as Buffer });
      expect(again.isReused).toBe(true);
      expect(again.status).toBe(200);
    },
  );
});

describe.runIf(isFullScale)("many certificates", () => {
  it("starts with 10,000 in under 5 s, and finds one as fast as of two", async () => {
    const folder = await makeFolder();
    // The same key for all: making keys is not what is measured.
    const one = await certificateFor(["x.test"]);
    const names = Array.from({ length: 10_000 }, (_, at) => `host-${at}.test`);
    for (const name of names) {
      const made = await certificateFor([name]);
      await put(folder, made, name);
    }
    await put(folder, one, "x");
    const begin = performance.now();
    const proxy = await startProxy({
      config: { listen: { port: 0, tls: { certificates: [{ folder }] } }, upstreams },
    });
    const startMs = performance.now() - begin;
    const time = async (name: string): Promise<number> => {
      await servedFor(proxy.port, name);
      const at = performance.now();
      for (let i = 0; i < 50; i++) await servedFor(proxy.port, name);
      return (performance.now() - at) / 50;
    };
    const ms = await time("host-7777.test");
    process.stderr.write(
      `10,000 certificates: start ${Math.round(startMs)} ms, handshake ${ms.toFixed(2)} ms\n`,
    );
    expect(startMs).toBeLessThan(5000);
  }, 300_000);
});
