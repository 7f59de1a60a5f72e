import { describe, expect, it } from "vitest";

import { createConfigProject } from "../helpers/config-project.ts";
import { startCommand, type LogLine, type StartedProxy } from "../helpers/run-command.ts";
import { askRaw } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";
import { toy } from "../helpers/upstream-fixture.ts";

const SECRET = "SECRET123";

const LINES = [
  "Host: a.test",
  `Authorization: Bearer ${SECRET}`,
  `Proxy-Authorization: Basic ${SECRET}`,
  `Cookie: sid=${SECRET}`,
  `X-Api-Key: ${SECRET}`,
  `X-My-Own: ${SECRET}`,
  `Referer: http://u:${SECRET}@b.test/x?token=${SECRET}&page=2`,
  "User-Agent: evil\tred\x9b31m",
];

/** The last path is the one that only an error answers. */
const TARGETS = ["/ok", "/missing", "/hook-logs", "/throws", "/down", "/%zz"];

/** Hooks that log what they see, as people do, and an upstream that is not there. */
const config = (url: string): string => `
  export default {
    listen: { port: 0 },
    log: { format: process.env.LOG_FORMAT, level: process.env.LOG_LEVEL, redact: ["x-my-own"] },
    upstreams: {
      api: { targets: ["${url}"] },
      down: { targets: ["http://127.0.0.1:1"] },
    },
    routes: [
      { match: { path: "/down" }, upstream: "down" },
      { match: { path: ["/ok", "/hook-logs", "/throws"] }, upstream: "api" },
    ],
    onRequest(request, ctx) {
      if (request.path === "/hook-logs") {
        ctx.log.info({ headers: [...request.headers], map: request.headers.toWeb(), url: request.url }, "url is " + request.url);
        ctx.log.warn({ authorization: request.headers.get("authorization"), nested: { cookie: request.headers.get("cookie") } });
        console.log("seen", request.url);
      }
      if (request.path === "/throws") throw new Error("failed for " + request.url);
    },
    onResponse(response, ctx) {
      ctx.log.info({ headers: [...response.headers], location: response.headers.get("location") }, "answered");
    },
  };
`;

async function ask(proxy: StartedProxy, path: string): Promise<number> {
  // oxfmt-ignore
  const query = `?page=2&token=${SECRET}&code=${SECRET}&signature=${SECRET}&access_token=${SECRET}&next=%2Fcb%3Ftoken%3D${SECRET}&lang=de`;
  const head = [`GET ${path}${query} HTTP/1.1`, ...LINES].join("\r\n");
  return (await askRaw(proxy.port, `${head}\r\n\r\n`)).status;
}

function accessLine(path: string): (line: LogLine) => boolean {
  return (line) => line["msg"] === "request" && String(line["path"]).startsWith(path);
}

describe.each([
  ["json", "info"],
  ["json", "debug"],
  ["pretty", "info"],
] as const)("what the process prints as %s at level %s (PUB-51)", (format, level) => {
  it("has no secret in it, whatever becomes of the request, and says where one was", async () => {
    const upstream = await toy({
      onRequest: () =>
        toyResponse(
          302,
          "",
          `Set-Cookie: sid=${SECRET}; Path=/`,
          `Location: https://u:${SECRET}@b.test/cb?code=${SECRET}&state=ok`,
        ),
    });
    await using project = await createConfigProject({ "proxy.config.ts": config(upstream.url) });
    await using proxy = await startCommand(["start"], {
      dir: project.dir,
      // The pretty form has no `listening` line to parse: tests wait for it as JSON.
      env: { LOG_FORMAT: format === "pretty" ? "json" : format, LOG_LEVEL: level, NO_COLOR: "1" },
    });
    if (format === "pretty") {
      await project.write(
        "proxy.config.ts",
        config(upstream.url).replace("process.env.LOG_FORMAT", '"pretty"'),
      );
      await proxy.command.line((line) => String(line["msg"]).includes("live"));
    }
    // The parser refuses ESC and CR in a field: 400.
    for (const agent of ["\x1b[31mred", `a\rtoken=${SECRET}`]) {
      const head = `GET /ok HTTP/1.1\r\nHost: a.test\r\nUser-Agent: ${agent}\r\n\r\n`;
      expect((await askRaw(proxy.port, head)).status).toBe(400);
    }
    const statuses: number[] = [];
    for (const target of TARGETS) statuses.push(await ask(proxy, target));
    expect(statuses).toEqual([302, 404, 302, 500, 502, 400]);
    if (format === "json") {
      for (const target of TARGETS) {
        const line = await proxy.command.line(accessLine(target));
        expect(line["path"]).toContain(
          "page=2&token=[redacted]&code=[redacted]&signature=[redacted]",
        );
        expect(line["path"]).toMatch(/&lang=de$/);
        expect(line["referer"]).toMatch(/\[redacted\]@b\.test\/x\?token=\[redacted\]&page=2$/);
      }
    }
    const { stdout, stderr } = await proxy.stop();
    const output = stdout + stderr;
    expect(output).toContain("[redacted]");
    expect(output).toContain("/hook-logs");
    expect(output).not.toContain(SECRET);
    // ANSI and C1 bytes of the User-Agent are escaped.
    // oxlint-disable-next-line no-control-regex -- these are what must not be there
    expect(output.replaceAll(/[\n\r]/g, "")).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
  });
});
