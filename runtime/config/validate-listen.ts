import { DEFAULT_ADMIN, DEFAULT_LISTEN } from "./defaults.ts";
import type { UserConfig } from "./resolved-config.ts";
import { isLoopback } from "./schema-addresses.ts";
import { parseSize } from "../units.ts";
import type { RawIssue } from "./issue.ts";

/** What listeners and limits say about each other. Values that are no such thing are the schema's to report. */
export function listenIssues(config: UserConfig): RawIssue[] {
  return [
    ...duplicateIssues(config),
    ...redirectIssues(config),
    ...adminIssues(config),
    ...limitIssues(config),
  ];
}

function redirectIssues(config: UserConfig): RawIssue[] {
  const isList = Array.isArray(config.listen);
  const listen = ([config.listen ?? []].flat() as readonly unknown[]).map(
    (one) => (typeof one === "object" && one !== null ? one : {}) as Record<string, unknown>,
  );
  const hasTls = listen.some(({ tls }) => tls !== undefined);
  return listen.flatMap(({ tls, redirectToHttps: to }, index): RawIssue[] => {
    if (to === undefined || to === false) return [];
    const path = isList ? ["listen", index, "redirectToHttps"] : ["listen", "redirectToHttps"];
    if (tls !== undefined) {
      const message = "This listener speaks TLS already.";
      return [{ path, message, fix: "Remove redirectToHttps, or tls." }];
    }
    if (to !== true || hasTls) return [];
    return [
      {
        path,
        message: "No listener has tls: there is nowhere to redirect to.",
        fix: "Add one with tls, or write the port that the outside sees, such as 443.",
      },
    ];
  });
}

function duplicateIssues(config: UserConfig): RawIssue[] {
  const issues: RawIssue[] = [];
  const taken = new Map<string, string>();
  for (const { path, name, port, host } of addressesOf(config)) {
    // Port 0 is a different port each time.
    if (typeof port !== "number" || typeof host !== "string" || port === 0) continue;
    const key = JSON.stringify([host === "localhost" ? "127.0.0.1" : host.toLowerCase(), port]);
    const other = taken.get(key);
    if (other === undefined) taken.set(key, name);
    else {
      issues.push({
        path,
        message: `The address ${host}:${port} is used twice.`,
        got: `${other} listens there already`,
        fix: "Give one of them another port or host.",
      });
    }
  }
  return issues;
}

interface Address {
  readonly path: readonly PropertyKey[];
  readonly name: string;
  readonly port: unknown;
  readonly host: unknown;
}

function addressesOf(config: UserConfig): Address[] {
  const listen: unknown = config.listen ?? [];
  const addresses: Address[] = [];
  for (const [index, value] of (Array.isArray(listen) ? listen : [listen]).entries()) {
    if (typeof value !== "object" || value === null) continue;
    const { port, host = DEFAULT_LISTEN.host } = value as { port?: unknown; host?: unknown };
    const path = Array.isArray(listen) ? ["listen", index] : ["listen"];
    addresses.push({
      path,
      name: Array.isArray(listen) ? `listen[${index}]` : "listen",
      port,
      host,
    });
  }
  const admin: unknown = config.admin;
  if (typeof admin === "object" && admin !== null) {
    const { port = DEFAULT_ADMIN.port, host = DEFAULT_ADMIN.host } = admin as {
      port?: unknown;
      host?: unknown;
    };
    addresses.push({ path: ["admin"], name: "admin", port, host });
  }
  return addresses;
}

function adminIssues(config: UserConfig): RawIssue[] {
  const admin: unknown = config.admin;
  if (typeof admin !== "object" || admin === null) return [];
  const { host = DEFAULT_ADMIN.host, token } = admin as { host?: unknown; token?: unknown };
  if (typeof host !== "string" || isLoopback(host) || token !== undefined) return [];
  return [
    {
      path: ["admin", "token"],
      message: "The admin listener can be reached from other machines and has no token.",
      expected: "a token of at least 16 characters",
      got: `host ${host}, no token`,
      fix: 'Set admin.token (for example from env.ADMIN_TOKEN), or leave admin.host at "127.0.0.1".',
    },
  ];
}

function limitIssues(config: UserConfig): RawIssue[] {
  const limits: unknown = config.limits;
  if (typeof limits !== "object" || limits === null) return [];
  const { head, target } = limits as { head?: unknown; target?: unknown };
  const headBytes = parseSize(head);
  const targetBytes = parseSize(target);
  if (headBytes === undefined || targetBytes === undefined || targetBytes <= headBytes) return [];
  return [
    {
      path: ["limits", "target"],
      message: "The target is part of the head, so its limit cannot be the larger one.",
      expected: `at most limits.head (${headBytes} bytes)`,
      got: `${targetBytes} bytes`,
    },
  ];
}
