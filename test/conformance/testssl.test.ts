/**
 * testssl.sh (Debian package of that name) against a listener. Only in `npm run test:full`, and only where it is
 * installed: it takes some minutes.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { authority, certificateFor } from "../helpers/certificates.ts";
import { isFullScale } from "../helpers/scale.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const tool = ["testssl", "testssl.sh"].find((name) => !spawnSync(name, ["--version"]).error);

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

const HARMLESS = new Set(["OK", "INFO", "LOW", "DEBUG"]);
/** About the test certificate itself, or about what the upstream answers. */
const NOT_OURS = /^(?:cert_|DNS_CAArecord|security_headers|HSTS|BREACH)/;

describe.skipIf(!isFullScale || tool === undefined)("testssl.sh", () => {
  it(
    "finds nothing above LOW",
    async () => {
      const ca = await authority();
      const [ec, rsa] = await Promise.all([
        certificateFor(["localhost"], { authority: ca }),
        certificateFor(["localhost"], { authority: ca, keyType: "rsa" }),
      ]);
      const proxy = await startProxy({
        config: {
          listen: { port: 0, tls: { certificates: [ec, rsa] } },
          upstreams: { demo: { fetch: () => new Response("hello") } },
          headers: { response: { set: { "strict-transport-security": "max-age=31536000" } } },
        },
      });
      const folder = await mkdtemp(join(tmpdir(), "gatewright-testssl-"));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      const report = join(folder, "report.json");
      const args = ["--quiet", "--color", "0", "--warnings", "off", "--jsonfile", report];
      const child = spawn(
        tool ?? "",
        [...args, "--ip", "127.0.0.1", `https://localhost:${proxy.port}/`],
        { stdio: "ignore", cwd: folder },
      );
      await once(child, "close");
      const findings = JSON.parse(await readFile(report, "utf8")) as Finding[];
      expect(findings.length).toBeGreaterThan(100);
      const bad = findings.filter(
        ({ id, severity }) => !HARMLESS.has(severity) && !NOT_OURS.test(id),
      );
      expect(bad).toEqual([]);
    },
    15 * 60_000,
  );
});
