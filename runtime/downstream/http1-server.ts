import { createServer, ServerResponse, type Server } from "node:http";
import type { Socket } from "node:net";

import type { ResolvedLimits } from "../config/resolved-config.ts";
import type { ErrorCode } from "../errors.ts";
import type { Http1Connection } from "./http1-connection.ts";
import { announcesContent, Http1Request } from "./http1-request.ts";

const CONNECTION = Symbol("Http1Connection");

interface LinkedSocket extends Socket {
  [CONNECTION]?: Http1Connection;
}

type Http1Server = Server<typeof Http1Request, typeof ServerResponse>;

/** node's HTTP/1.1 parser and its bookkeeping. It listens on nothing: connections are given to it. */
export interface Http1Parser {
  accept(socket: Socket, connection: Http1Connection): void;
  adjust(limits: ResolvedLimits): void;
  /** Only once all connections are gone. */
  close(): void;
}

export function createHttp1Parser(limits: ResolvedLimits): Http1Parser {
  const server: Http1Server = createServer({
    IncomingMessage: Http1Request,
    ServerResponse,
    insecureHTTPParser: false,
    // Checked by us, for every version and count.
    requireHostHeader: false,
    maxHeaderSize: limits.headBytes,
    headersTimeout: limits.headTimeMs,
    // No limit on a whole request: slow but honest uploads have the idle limit instead.
    requestTimeout: 0,
    // Ours, without a timer operation a request.
    keepAliveTimeout: 0,
    connectionsCheckingInterval: Math.max(50, Math.min(1000, Math.floor(limits.headTimeMs / 4))),
    shouldUpgradeCallback,
    ...({ optimizeEmptyRequests: true } as object),
  });
  // node collects 1,000 fields and drops the rest silently: a second Host could hide there. The head's size is the limit.
  server.maxHeadersCount = 0;
  server.on("request", (request, response) => {
    request.response = response;
    connectionOf(request.socket)?.receive(request);
  });
  server.on("upgrade", (request, socket, head) => {
    connectionOf(socket as Socket)?.receiveUpgrade(request, upgradeToken(request) ?? "", head);
  });
  server.on("connect", (request, socket) => {
    connectionOf(socket as Socket)?.refuse("PROXY_REQUEST_METHOD", request);
  });
  server.on("clientError", (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => {
    const connection = connectionOf(socket as Socket);
    const code = refusalCode(error, socket as Socket);
    if (code === undefined) socket.destroy();
    else connection?.receiveBroken(code);
  });
  // Starts the check of head times, which `listen` would do.
  server.emit("listening");

  return {
    accept(socket, connection) {
      (socket as LinkedSocket)[CONNECTION] = connection;
      server.emit("connection", socket);
    },
    adjust(next) {
      server.headersTimeout = next.headTimeMs;
      // Read by node for each connection; those that are open keep theirs.
      (server as { maxHeaderSize?: number }).maxHeaderSize = next.headBytes;
    },
    close() {
      server.close();
    },
  };
}

function connectionOf(socket: Socket | null): Http1Connection | undefined {
  return socket === null ? undefined : (socket as LinkedSocket)[CONNECTION];
}

function shouldUpgradeCallback(request: Http1Request): boolean {
  const accepted =
    connectionOf(request.socket)?.mayUpgrade(
      request,
      upgradeToken(request),
      announcesContent(request.rawHeaders),
    ) === true;
  request.upgradeDeclined = !accepted;
  return accepted;
}

/** The one protocol that is asked for, lower case. Of a list nothing is chosen: nobody sends one. */
function upgradeToken(request: Http1Request): string | undefined {
  let token: string | undefined;
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if ((request.rawHeaders[i] as string).toLowerCase() !== "upgrade") continue;
    if (token !== undefined) return undefined;
    token = (request.rawHeaders[i + 1] as string).toLowerCase();
  }
  return token;
}

/** node's parser errors as ours. `undefined`: there is nobody to answer. */
function refusalCode(
  error: NodeJS.ErrnoException & { rawPacket?: Buffer },
  socket: Socket,
): ErrorCode | undefined {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW": {
      // All that has come is one unfinished line: it is the target that is too long.
      const packet = error.rawPacket;
      const isFirst = packet !== undefined && packet.length === socket.bytesRead;
      return isFirst && !packet.includes(0x0a)
        ? "PROXY_REQUEST_TARGET_TOO_LONG"
        : "PROXY_REQUEST_HEAD_TOO_LARGE";
    }
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "PROXY_REQUEST_HEAD_TIMEOUT";
    case "HPE_INVALID_EOF_STATE":
      return undefined;
    default:
      return error.code?.startsWith("HPE_") === true ? "PROXY_REQUEST_MALFORMED" : undefined;
  }
}
