/**
 * The admin listener: health, readiness, status, reload, purges, lists. Its own node:http server, so that it answers whatever state
 * the proxy is in, with limits far below those of the data path.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { Log } from "../log.ts";
import { checkAccess, type AccessRules } from "./access.ts";
import { jsonContent } from "./content.ts";
import { PAGE_POLICY } from "./html.ts";
import { listEndpoint, type ListSource } from "./list-endpoints.ts";
import { send, sendJson, sendProblem } from "./send.ts";
import { renderStatusPage } from "./status-page.ts";
import type { MetricsText } from "./metrics.ts";
import type { ProxyStatus, ReloadStatus } from "./status.ts";

/** What the admin listener needs of the process behind it. */
export interface AdminSource extends ListSource {
  /** A generation is live and shutdown has not begun. */
  isReady(): boolean;
  status(): Promise<ProxyStatus>;
  /** For Prometheus. */
  metrics(): Promise<MetricsText>;
  /** Loads the config again; resolves when that is over. */
  reload(): Promise<ReloadStatus>;
  /** Removes stored responses. `selection`: as it was sent. */
  purge(selection: unknown): Promise<PurgeOutcome>;
}

export type PurgeOutcome =
  | { readonly kind: "purged"; readonly count: number }
  /** `problem`: what is wrong with the selection. */
  | { readonly kind: "refused"; readonly problem: string }
  /** No route of the live config caches. */
  | { readonly kind: "off" };

export interface AdminOptions extends AccessRules {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Take the next free port if `port` is taken. */
  readonly anyPort: boolean;
  readonly source: AdminSource;
  readonly log: Log;
}

export interface Admin {
  readonly url: string;
  readonly port: number;
  /** Takes over a new token and new names without closing. */
  adjust(rules: AccessRules): void;
  /** Stops accepting, lets answers under way finish (the one to the reload that closes it, for instance) for a second. */
  close(): Promise<void>;
}

/** How many ports after the wanted one are tried. */
const PORT_TRIES = 100;
const MAX_CONNECTIONS = 64;
const MAX_HEAD_BYTES = 8 * 1024;
const MAX_CONTENT_BYTES = 1024;
/** 64 tags of 256 characters, or a long URL, escaped. */
const MAX_PURGE_BYTES = 128 * 1024;
const HEAD_TIME_MS = 5_000;
const IDLE_TIME_MS = 5_000;
const CLOSE_TIME_MS = 1_000;

/** Rejects if it cannot listen. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  let rules: AccessRules = { token: options.token, hosts: options.hosts };
  let isClosing = false;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: HEAD_TIME_MS,
      requestTimeout: HEAD_TIME_MS,
      keepAliveTimeout: IDLE_TIME_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      response.shouldKeepAlive &&= !isClosing;
      // Asked again at the end: it may close while this is answered.
      response.on("finish", () => isClosing && request.socket.end());
      void answer(request, response, rules, options);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });
  // No protocol of ours is reached by an upgrade or CONNECT; without a listener node:http ends those connections.
  const port = await listen(server, options);
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    port,
    adjust: (next) => (rules = next),
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIME_MS);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        isClosing = true;
        server.closeIdleConnections();
      }),
  };
}

async function listen(server: Server, options: AdminOptions): Promise<number> {
  const tries = options.anyPort && options.port !== 0 ? PORT_TRIES : 1;
  for (let attempt = 0; ; attempt++) {
    const port = options.port + attempt;
    try {
      await listenOnce(server, port, options.host);
      server.on("error", (error) => options.log.error({ error }, "the admin listener failed"));
      return (server.address() as AddressInfo).port;
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (!taken || attempt + 1 >= tries || port >= 65_535) throw error;
    }
  }
}

function listenOnce(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      server.off("listening", onListening);
      reject(error);
    };
    const onListening = (): void => {
      server.off("error", onError);
      resolve();
    };
    server.once("error", onError);
    server.once("listening", onListening);
    server.listen({ port, host, exclusive: true });
  });
}

interface Endpoint {
  readonly method: "GET" | "POST" | "DELETE";
  /** Of the same path. Default: the method, and HEAD where it is GET. */
  readonly allow?: string;
  /** It reads content, of up to so much. */
  readonly maxContentBytes?: number;
  run(request: IncomingMessage, response: ServerResponse, source: AdminSource): Promise<void>;
}

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  "/healthz": {
    method: "GET",
    async run(_request, response) {
      sendJson(response, 200, { status: "ok" });
    },
  },
  "/readyz": {
    method: "GET",
    async run(_request, response, source) {
      const ready = source.isReady();
      sendJson(response, ready ? 200 : 503, { status: ready ? "ready" : "not ready" });
    },
  },
  "/api/status": {
    method: "GET",
    async run(_request, response, source) {
      sendJson(response, 200, await source.status());
    },
  },
  "/metrics": {
    method: "GET",
    async run(_request, response, source) {
      const { type, text } = await source.metrics();
      send(response, 200, type, text, {});
    },
  },
  "/api/reload": {
    method: "POST",
    async run(request, response, source) {
      const result = await source.reload();
      // The form on the status page: back to it. A program gets the outcome.
      if ((request.headers.accept ?? "").includes("text/html")) {
        send(response, 303, "text/plain", "See /\n", { Location: "/" });
      } else {
        sendJson(response, result.outcome === "failed" ? 422 : 200, result);
      }
    },
  },
  "/api/cache/purge": {
    method: "POST",
    maxContentBytes: MAX_PURGE_BYTES,
    async run(request, response, source) {
      const outcome = await source.purge(await jsonContent(request, MAX_PURGE_BYTES));
      if (outcome.kind === "purged") sendJson(response, 200, { purged: outcome.count });
      else if (outcome.kind === "refused") sendProblem(response, 400, `${outcome.problem}.`);
      else sendProblem(response, 409, "No route of the live config caches.");
    },
  },
  "/": {
    method: "GET",
    async run(_request, response, source) {
      const page = renderStatusPage(await source.status());
      send(response, 200, "text/html; charset=utf-8", page, {
        "Content-Security-Policy": PAGE_POLICY,
      });
    },
  },
};

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  rules: AccessRules,
  options: AdminOptions,
): Promise<void> {
  try {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const endpoint = Object.hasOwn(ENDPOINTS, path)
      ? ENDPOINTS[path]
      : listEndpoint(path, request.method);
    if (isTooLarge(request, endpoint)) {
      sendProblem(response, 413, "The content is too large.", { Connection: "close" });
      return;
    }
    if (endpoint?.maxContentBytes === undefined) request.resume();
    const access = checkAccess(factsOf(request), rules);
    if (!access.allowed) {
      const extra = access.status === 401 ? { "WWW-Authenticate": "Bearer" } : {};
      sendProblem(response, access.status, access.detail, extra);
      return;
    }
    if (endpoint === undefined) {
      sendProblem(response, 404, "There is nothing here.");
    } else if (!allows(endpoint, request.method)) {
      // RFC 9110 §15.5.6: a 405 names what is allowed.
      const allowed = endpoint.method === "GET" ? "GET, HEAD" : endpoint.method;
      const fields = { Allow: endpoint.allow ?? allowed };
      sendProblem(response, 405, "This method is not allowed here.", fields);
    } else {
      await endpoint.run(request, response, options.source);
    }
  } catch (error) {
    options.log.error({ error }, "an admin request failed");
    if (response.headersSent) response.destroy();
    else sendProblem(response, 500, "The request could not be processed.");
  }
}

/** Where no content is expected, a little is read and dropped. More is refused before it is read. */
function isTooLarge(request: IncomingMessage, endpoint: Endpoint | undefined): boolean {
  const length = Number(request.headers["content-length"] ?? 0);
  const most = endpoint?.maxContentBytes ?? MAX_CONTENT_BYTES;
  return length > most || request.headers["transfer-encoding"] !== undefined;
}

function allows(endpoint: Endpoint, method: string | undefined): boolean {
  return method === endpoint.method || (method === "HEAD" && endpoint.method === "GET");
}

function factsOf(request: IncomingMessage): Parameters<typeof checkAccess>[0] {
  const { headers, headersDistinct, socket } = request;
  const hosts = headersDistinct["host"] ?? [];
  const site = headers["sec-fetch-site"];
  return {
    peer: socket.remoteAddress ?? "",
    local: socket.localAddress ?? "",
    host: hosts.length === 1 ? hosts[0] : undefined,
    origin: headers.origin,
    fetchSite: typeof site === "string" ? site : undefined,
    authorization: headers.authorization,
  };
}
