import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, openSync, truncateSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer, connect } from "node:net";
import { join } from "node:path";

import {
  caddyProxy,
  gatewrightConfig,
  nginxLuaProxy,
  nginxOrigin,
  nginxProxy,
} from "./peers/configs.ts";

/** A proxy under test, or the origin behind it. */
export interface Peer {
  readonly name: string;
  /** Why it is left out, or undefined. */
  missing(): string | undefined;
  start(dir: string, port: number, originPort: number): ChildProcess;
}

/** The core that a process is pinned to: 0 for the proxy, 1 for load and origin. */
export const PROXY_CORE = 0;
export const LOAD_CORE = 1;
/** Size of `/large` at the origin. */
export const LARGE_BYTES = 256 * 1024 * 1024;

/** Size of `/json` at the origin. */
export const JSON_BYTES = 100 * 1024;

const BENCH = import.meta.dirname;
const LUA_MODULE = "/usr/lib/nginx/modules/ngx_http_lua_module.so";

const MODSECURITY = "/usr/lib/apache2/modules/mod_security2.so";

export const PEERS: readonly Peer[] = [
  gatewright("Gatewright", (_dir, port, origin) => gatewrightConfig(port, origin, false)),
  gatewright("Gatewright, access log to /dev/null", (_dir, port, origin) =>
    gatewrightConfig(port, origin, true),
  ),
  nodePeer("yardstick (node:http + undici dispatch)", join(BENCH, "yardstick.ts")),
  nginxPeer("nginx", nginxProxy),
  {
    ...nginxPeer("nginx + Lua", nginxLuaProxy),
    missing: () => (existsSync(LUA_MODULE) ? undefined : "libnginx-mod-http-lua is not installed"),
  },
  caddyPeer((_dir, port, origin) => caddyProxy(port, origin)),
  nodePeer("http-proxy", join(BENCH, "peers/http-proxy.ts"), "http-proxy"),
  nodePeer("fast-proxy", join(BENCH, "peers/fast-proxy.ts"), "fast-proxy"),
];

export function startOrigin(dir: string, port: number): ChildProcess {
  if (notOnPath("nginx") !== undefined) {
    return pinned(LOAD_CORE, process.execPath, [join(BENCH, "peers/origin.ts"), String(port)]);
  }
  const file = join(dir, "nginx.conf");
  writeFileSync(file, nginxOrigin(dir, port));
  // Sparse: costs no disk, reads as zeros.
  writeFileSync(join(dir, "large"), "");
  truncateSync(join(dir, "large"), LARGE_BYTES);
  writeFileSync(join(dir, "json"), jsonDocument(JSON_BYTES));
  writeFileSync(join(dir, "kib"), jsonDocument(1024));
  return pinned(LOAD_CORE, "nginx", ["-c", file, "-p", dir]);
}

/** What an API sends: records whose keys repeat and whose values do not. */
function jsonDocument(length: number): string {
  let text = "[";
  for (let id = 1; text.length < length; id++) {
    const user = ((id * 7919) % 9973).toString(36);
    const record = {
      id,
      user,
      email: `${user}@a.test`,
      active: id % 3 === 0,
      score: (id * 37) % 101,
    };
    text += `${JSON.stringify(record)},`;
  }
  return text.slice(0, length);
}

/** Text of a peer's configuration. */
type ConfigText = (dir: string, port: number, originPort: number) => string;

export function gatewright(name: string, config: ConfigText): Peer {
  return {
    name,
    missing: () => undefined,
    start(dir, port, originPort) {
      const file = join(dir, "proxy.config.ts");
      writeFileSync(file, config(dir, port, originPort));
      const bin = join(BENCH, "../runtime/bin/gatewright.js");
      return pinned(PROXY_CORE, process.execPath, [bin, "start", "--no-watch", "--config", file]);
    },
  };
}

export function nodePeer(
  name: string,
  file: string,
  needs?: string,
  args: readonly string[] = [],
): Peer {
  return {
    name,
    missing() {
      if (needs === undefined) return undefined;
      try {
        createRequire(import.meta.url).resolve(needs);
        return undefined;
      } catch {
        return `npm package ${needs} is not installed`;
      }
    },
    start: (_dir, port, originPort) =>
      pinned(PROXY_CORE, process.execPath, [file, String(port), String(originPort), ...args]),
  };
}

export function nginxPeer(name: string, config: ConfigText): Peer {
  return {
    name,
    missing: () => notOnPath("nginx"),
    start(dir, port, originPort) {
      const file = join(dir, "nginx.conf");
      writeFileSync(file, config(dir, port, originPort));
      return pinned(PROXY_CORE, "nginx", ["-c", file, "-p", dir]);
    },
  };
}

export function varnishPeer(config: (originPort: number) => string): Peer {
  return {
    name: "Varnish",
    missing: () => notOnPath("varnishd"),
    start(dir, port, originPort) {
      const file = join(dir, "cache.vcl");
      writeFileSync(file, config(originPort));
      const listen = ["-a", `127.0.0.1:${port}`, "-T", "none", "-j", "none"];
      const own = ["-F", "-n", join(dir, "work"), "-f", file, "-s", "malloc,64m"];
      return pinned(PROXY_CORE, "varnishd", [...own, ...listen]);
    },
  };
}

export function caddyPeer(config: ConfigText): Peer {
  return {
    name: "Caddy",
    missing: () => notOnPath("caddy"),
    start(dir, port, originPort) {
      const file = join(dir, "Caddyfile");
      writeFileSync(file, config(dir, port, originPort));
      return pinned(PROXY_CORE, "caddy", ["run", "--config", file, "--adapter", "caddyfile"], {
        GOMAXPROCS: "1",
        HOME: dir,
        XDG_DATA_HOME: dir,
        XDG_CONFIG_HOME: dir,
      });
    },
  };
}

/** Debian's modules. In the foreground, as a child of ours: its service stays as it is. */
export function apachePeer(name: string, config: ConfigText): Peer {
  return {
    name,
    missing: () =>
      notOnPath("apache2") ??
      (existsSync(MODSECURITY) && existsSync("/usr/share/modsecurity-crs/owasp-crs.load")
        ? undefined
        : "libapache2-mod-security2 or modsecurity-crs is not installed"),
    start(dir, port, originPort) {
      const file = join(dir, "apache.conf");
      writeFileSync(file, config(dir, port, originPort));
      return pinned(PROXY_CORE, "apache2", ["-d", dir, "-f", file, "-D", "FOREGROUND"]);
    },
  };
}

function notOnPath(command: string): string | undefined {
  return spawnSync("sh", ["-c", `command -v ${command}`]).status === 0
    ? undefined
    : `${command} is not installed`;
}

function pinned(
  core: number,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const sink = openSync("/dev/null", "w");
  return spawn("taskset", ["-c", String(core), command, ...args], {
    stdio: ["ignore", sink, process.env["BENCH_VERBOSE"] === undefined ? sink : "inherit"],
    env: { ...process.env, NODE_ENV: "production", ...env },
  });
}

/** A free port of the loopback address. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === "object" && address !== null ? address.port : 0),
      );
    });
  });
}

/** Resolves when something accepts connections; rejects after ten seconds. */
export async function accepting(port: number): Promise<void> {
  const until = Date.now() + 10_000;
  while (Date.now() < until) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("connect", () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing accepts connections on port ${port} after 10 s`);
}

export function makeDir(root: string, name: string): string {
  const dir = join(root, name.replace(/[^a-z]+/gi, "-"));
  mkdirSync(dir, { recursive: true });
  return dir;
}
