/**
 * Pages about coming from elsewhere: the old config in its own program and the new one in Gatewright get the same
 * requests, in front of the same services. They do the same, but where the page says what is different.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { describe, expect, it, onTestFinished } from "vitest";

import { freePort } from "../helpers/pebble.ts";
import { recipeBlock } from "../helpers/recipe-blocks.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PATH = `${process.env["PATH"] ?? ""}${delimiter}/usr/sbin`;
const LOCALHOST = {
  cert: join(ROOT, "test/fixtures/tls/localhost.pem"),
  key: join(ROOT, "test/fixtures/tls/localhost.key"),
};
/** Loopback addresses: those that the configs take for the inside, and another one. */
const INSIDE = "127.1.2.3";
const OUTSIDE = "127.0.0.1";
const RANGE = { "10.0.0.0/8": "127.1.2.0/24" };

interface Asked {
  readonly path: string;
  readonly method?: string;
  readonly from?: string;
  readonly host?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly content?: string;
  /** Over plain http where the program also has TLS. */
  readonly plain?: true;
}

/** What a client and a service saw, of what the pages speak of. */
interface Outcome {
  readonly status: number;
  readonly location?: string;
  readonly frame?: string;
  readonly poweredBy?: string;
  readonly cookie?: string;
  /** Which service, and what it was asked for. */
  readonly service?: string;
  readonly seen?: string;
  readonly host?: string;
  readonly forwardedFor?: string;
  readonly forwardedProto?: string;
  readonly gateway?: string;
}

/** Where a program listens: plain, and with TLS if it has that. */
interface Ports {
  readonly plain: number;
  readonly secure?: number;
}

describe.skipIf(!isInstalled("nginx"))("from nginx", () => {
  async function start(): Promise<{ old: Ports; now: Ports }> {
    const [app, api] = [await service("app"), await service("api")];
    const [plain, secure] = [await freePort(), await freePort()];
    const dir = folder();
    const sites = recipeBlock("from-nginx", "nginx", {
      ...RANGE,
      "listen 80;": `listen ${plain};`,
      "listen 443 ssl http2;": `listen ${secure} ssl http2;`,
      "/var/cache/nginx": `${dir}/cache`,
      "certs/example.pem": LOCALHOST.cert,
      "certs/example.key": LOCALHOST.key,
      "10.0.0.1:3000": app,
      "10.0.0.2:3000": app,
      "10.0.0.3:3000": app,
      "10.0.0.7:9000": api,
    });
    const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    const user = process.getuid?.() === 0 ? "user root;" : "";
    const text = `${user} pid ${dir}/pid; error_log ${dir}/error.log; events {} http { access_log off;
${temp.map((one) => `${one}_temp_path ${dir}/${one};`).join(" ")}\n${sites}\n}`;
    writeFileSync(join(dir, "nginx.conf"), text);
    const nginx = (...args: string[]): void => {
      const all = ["-e", join(dir, "error.log"), "-p", dir, "-c", join(dir, "nginx.conf"), ...args];
      const { status, stderr } = spawnSync("nginx", all, { encoding: "utf8", env: { PATH } });
      if (status !== 0) throw new Error(stderr);
    };
    // Comes back when it listens.
    nginx();
    onTestFinished(() => nginx("-s", "stop"));
    const proxy = await startProxy({
      watch: false,
      files: {
        "proxy.config.ts": recipeBlock("from-nginx", "ts", {
          ...RANGE,
          'port: 80, host: "0.0.0.0"': 'port: 0, host: "127.0.0.1"',
          'port: 443,\n      host: "0.0.0.0"': 'port: 0,\n      host: "127.0.0.1"',
          "certs/example.pem": LOCALHOST.cert,
          "certs/example.key": LOCALHOST.key,
          "10.0.0.1:3000": app,
          "10.0.0.2:3000": app.replace("127.0.0.1", "127.0.0.2"),
          "10.0.0.3:3000": app.replace("127.0.0.1", "127.0.0.3"),
          "10.0.0.7:9000": api,
        }),
      },
    });
    return { old: { plain, secure }, now: portsOf(proxy.urls) };
  }

  it("does the same", async () => {
    const { old, now } = await start();
    await expectSame(old, now, [
      { path: "/" },
      { path: "/a/b?c=1&d" },
      { path: "/api/v1?q=1" },
      { path: "/old/a/b" },
      { path: "/assets/a.css" },
      { path: "/admin/", from: INSIDE },
      { path: "/admin/" },
      { path: "/orders", method: "POST", content: "a=1" },
      ...Array.from({ length: 7 }, () => ({ path: "/login", method: "POST", content: "a=1" })),
    ]);
  });

  it("differs where the page says so", async () => {
    const { old, now } = await start();
    await expectDifferent(old, now, [
      // Field rules hold for every answer.
      [
        { path: "/a?b=1", plain: true },
        { status: 308, location: "https://example.com/a?b=1" },
        { status: 308, location: "https://example.com/a?b=1", frame: "DENY" },
      ],
      // A prefix includes its root.
      [{ path: "/api" }, { status: 301 }, { status: 200, service: "api", seen: "/" }],
      // Forwarding fields.
      [
        { path: "/", fields: { "x-forwarded-for": "1.1.1.1" } },
        { forwardedFor: `1.1.1.1, ${OUTSIDE}` },
        { forwardedFor: OUTSIDE },
      ],
      // Paths with two readings.
      [{ path: "/x/../admin/", from: INSIDE }, { status: 200 }, { status: 400 }],
      [{ path: "/x/%2e%2e/" }, { status: 200 }, { status: 400 }],
    ]);
    // One proxy_set_header drops those outside.
    const socket = { path: "/socket/a" };
    expect((await ask(old, socket)).forwardedFor).toBe(undefined);
    expect((await ask(now, socket)).forwardedFor).toBe(OUTSIDE);
    // Fields with underscores.
    const odd = { path: "/odd_field", fields: { x_odd: "1" } };
    expect((await ask(old, odd)).seen).toBe("/odd_field");
    expect((await ask(now, odd)).seen).toBe("/odd_field with x_odd");
  });
});

describe.skipIf(!isInstalled("caddy"))("from Caddy", () => {
  it("does the same, but for names that nobody has told it", async () => {
    const [app, api] = [await service("app"), await service("api")];
    const plain = await freePort();
    const dir = folder();
    const text = recipeBlock("from-caddy", "caddyfile", {
      ...RANGE,
      "email admin@example.com": `admin off\n\tauto_https off\n\tstorage file_system ${dir}`,
      "example.com {": `http://example.com:${plain} {`,
      "10.0.0.1:3000": app,
      "10.0.0.2:3000": app.replace("127.0.0.1", "127.0.0.2"),
      "10.0.0.7:9000": api,
    });
    writeFileSync(join(dir, "Caddyfile"), text);
    const child = spawn("caddy", ["run", "--config", join(dir, "Caddyfile")], {
      env: { PATH, HOME: dir },
      stdio: ["ignore", "ignore", "pipe"],
    });
    await saidBy(child, child.stderr, /serving initial configuration/);
    const proxy = await startProxy({
      watch: false,
      files: {
        "proxy.config.ts": recipeBlock("from-caddy", "ts", {
          ...RANGE,
          [listenOf("from-caddy")]: "listen: { port: 0 },",
          "10.0.0.1:3000": app,
          "10.0.0.2:3000": app.replace("127.0.0.1", "127.0.0.2"),
          "10.0.0.7:9000": api,
        }),
      },
    });
    const old = { plain };
    const now = { plain: proxy.port };
    await expectSame(old, now, [
      { path: "/" },
      { path: "/a/b?c=1&d" },
      { path: "/", fields: { "x-forwarded-for": "1.1.1.1" } },
      { path: "/api/v1?q=1" },
      { path: "/old/a/b" },
      { path: "/admin/a", from: INSIDE },
      { path: "/admin/a" },
      { path: "/orders", method: "POST", content: "a=1" },
    ]);
    await expectDifferent(old, now, [
      [{ path: "/x/../a" }, { status: 200 }, { status: 400 }],
      // Caddy answers unknown names with nothing.
      [{ path: "/", host: "other.example" }, { status: 200 }, { status: 404 }],
    ]);
  });
});

describe("from http-proxy", () => {
  it("does the same, but for what clients say of themselves", async () => {
    const [app, api] = [await service("app"), await service("api")];
    const replace = { "127.0.0.1:9000": api, "127.0.0.1:3000": app };
    const dir = join(ROOT, "tmp", `from-http-proxy-${process.pid}`);
    mkdirSync(dir, { recursive: true });
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    writeFileSync(
      join(dir, "server.mjs"),
      recipeBlock("from-http-proxy", "js", {
        ...replace,
        "server.listen(8080);":
          'server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));',
      }),
    );
    // http-proxy uses what node has deprecated.
    const child = spawn(process.execPath, ["--no-deprecation", join(dir, "server.mjs")], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [, port = ""] = await saidBy(child, child.stdout, /^port (\d+)/);
    const proxy = await startProxy({
      watch: false,
      files: {
        "proxy.config.ts": recipeBlock("from-http-proxy", "ts", {
          ...replace,
          'port: 8080, host: "0.0.0.0"': "port: 0",
        }),
      },
    });
    const old = { plain: Number(port) };
    const now = { plain: proxy.port };
    await expectSame(old, now, [
      { path: "/" },
      { path: "/a/b?c=1&d" },
      { path: "/api/items?q=1" },
      { path: "/internal/a" },
      { path: "/orders", method: "POST", content: "a=1" },
    ]);
    await expectDifferent(old, now, [
      [
        { path: "/", fields: { "x-forwarded-for": "1.1.1.1" } },
        { forwardedFor: `1.1.1.1,${OUTSIDE}` },
        { forwardedFor: OUTSIDE },
      ],
      [{ path: "/x/../a" }, { status: 200 }, { status: 400 }],
    ]);
  });
});

async function expectSame(old: Ports, now: Ports, asked: readonly Asked[]): Promise<void> {
  for (const one of asked) {
    expect([one, await ask(now, one)]).toEqual([one, await ask(old, one)]);
  }
}

async function expectDifferent(
  old: Ports,
  now: Ports,
  asked: readonly (readonly [Asked, Partial<Outcome>, Partial<Outcome>])[],
): Promise<void> {
  for (const [one, before, after] of asked) {
    expect([one, await ask(old, one)]).toMatchObject([one, before]);
    expect([one, await ask(now, one)]).toMatchObject([one, after]);
  }
}

async function ask({ plain, secure }: Ports, asked: Asked): Promise<Outcome> {
  const { path, method = "GET", from = OUTSIDE, host = "example.com", fields = {} } = asked;
  const isPlain = secure === undefined || asked.plain === true;
  const request = (isPlain ? httpRequest : httpsRequest)({
    host: "127.0.0.1",
    port: isPlain ? plain : secure,
    localAddress: from,
    path,
    method,
    headers: { host, ...fields },
    agent: false,
    rejectUnauthorized: false,
  });
  request.end(asked.content);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk as string;
  const { statusCode = 0, headers } = response;
  const seen = text.startsWith('{"service"') ? (JSON.parse(text) as Partial<Outcome>) : {};
  return {
    status: statusCode,
    ...optional("location", leadsTo(headers.location, `${isPlain ? "http" : "https"}://${host}/`)),
    ...optional("frame", headers["x-frame-options"]?.toString()),
    ...optional("poweredBy", headers["x-powered-by"]?.toString()),
    ...optional("cookie", headers["set-cookie"]?.join()),
    ...seen,
  };
}

/** As a client reads it, without the port, which is one of this test. */
function leadsTo(location: string | undefined, base: string): string | undefined {
  if (location === undefined) return undefined;
  const url = new URL(location, base);
  url.port = "";
  return url.href;
}

function optional<K extends string>(name: K, value: string | undefined) {
  return value === undefined ? {} : { [name]: value };
}

/** Says what it was asked for. On all loopback addresses, so that it can stand for several. */
async function service(name: string): Promise<string> {
  const server = createServer((request, response) => {
    const { headers, url = "" } = request;
    request.resume();
    response.setHeader("x-powered-by", "test");
    response.setHeader("set-cookie", "a=1; Path=/; Domain=app.internal");
    if (url.startsWith("/assets/")) response.removeHeader("set-cookie");
    const odd = headers["x_odd"] === undefined ? "" : " with x_odd";
    const outcome = {
      service: name,
      seen: url + odd,
      ...optional("host", headers.host?.replace(/^127\.0\.0\.1:\d+$/, "its own")),
      ...optional("forwardedFor", headers["x-forwarded-for"]?.toString()),
      ...optional("forwardedProto", headers["x-forwarded-proto"]?.toString()),
      ...optional("gateway", headers["x-gateway"]?.toString()),
    };
    response.end(JSON.stringify(outcome));
  });
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Resolves with the line that matches; the program ends with the test. */
async function saidBy(
  child: ChildProcess,
  stream: NodeJS.ReadableStream,
  pattern: RegExp,
): Promise<RegExpExecArray> {
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill();
    await once(child, "exit");
  });
  const said: string[] = [];
  for await (const line of createInterface(stream)) {
    const found = pattern.exec(line);
    if (found !== null) {
      stream.resume();
      return found;
    }
    said.push(line);
  }
  throw new Error(`it ended:\n${said.join("\n")}`);
}

function portsOf(urls: readonly string[]): Ports {
  const port = (scheme: string): number =>
    Number(new URL(urls.find((url) => url.startsWith(scheme)) ?? "").port);
  return { plain: port("http:"), secure: port("https:") };
}

/** The listeners of a page's config, as they are written there. */
function listenOf(name: string): string {
  return /listen: \[[^]*?\n {2}\],/.exec(recipeBlock(name, "ts"))?.[0] ?? "no listen";
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "gatewright-migration-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function isInstalled(program: string): boolean {
  return PATH.split(delimiter).some((dir) => existsSync(join(dir, program)));
}
