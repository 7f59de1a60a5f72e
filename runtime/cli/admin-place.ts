import { DEFAULT_ADMIN } from "../config/defaults.ts";
import { createLog } from "../log.ts";
import { findConfig } from "./config-file.ts";
import { createEngine } from "./engine.ts";
import { printConfigFailure } from "./json-failure.ts";
import { UsageError, type Terminal } from "./terminal.ts";

/** Where the admin listener of a running proxy is. */
export interface AdminPlace {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token: string | undefined;
  readonly from: "option" | "config" | "default";
}

/**
 * `--admin`, else what the config says, else where `dev` listens. `undefined`: the config is broken, and that has been
 * reported. Of the config only `admin` is looked at: what it sets up is not set up a second time.
 */
export async function findAdmin(
  terminal: Terminal,
  cwd: string,
  flags: { readonly admin?: string; readonly config?: string; readonly json?: boolean },
): Promise<AdminPlace | undefined> {
  const token = process.env["GATEWRIGHT_ADMIN_TOKEN"];
  if (flags.admin !== undefined) return { url: toUrl(flags.admin), token, from: "option" };
  const file = findConfig(cwd, flags.config);
  const log = createLog({ level: "warn", destination: 2 });
  const engine = createEngine(file, "start", log);
  try {
    const result = await engine.source.load();
    if (result.kind === "unchanged") throw new Error("the first load found nothing to load");
    if (result.kind === "failed") {
      printConfigFailure(terminal, cwd, result.report, flags);
      return undefined;
    }
    const { config, slot } = result.loaded;
    slot.retire();
    const admin = config.admin ?? { ...DEFAULT_ADMIN, token: undefined };
    if (admin.port === 0) {
      throw new UsageError(
        "The config's admin port is 0, any free one: say which with --admin URL, as its `admin listening` line does.",
      );
    }
    return {
      url: `http://${reachable(admin.host)}:${admin.port}`,
      token: token ?? admin.token,
      from: config.admin === undefined ? "default" : "config",
    };
  } finally {
    await engine.source.close();
    log.close();
  }
}

function toUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "") {
    throw new UsageError(
      `--admin ${text} is not an http or https URL. Write it as http://127.0.0.1:9901.`,
    );
  }
  return url.origin;
}

/** Whoever listens on all addresses is reached on this machine's own. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
