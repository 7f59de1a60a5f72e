import { createServer, ServerResponse, type Server } from "node:http";
import type { Socket } from "node:net";

import type { ListenerLimits } from "./limits.ts";
import type { ErrorCode } from "../errors.ts";
import type { Refusal } from "../http/refusal.ts";
import { isNamed } from "../http/raw-fields.ts";
import type { Http1Connection } from "./http1-connection.ts";
import { Http1Request } from "./http1-request.ts";

const CONNECTION = Symbol("Http1Connection");

interface LinkedSocket extends Socket {
  [CONNECTION]?: Http1Connection;
}

type Http1Server = Server<typeof Http1Request, typeof ServerResponse>;

/** node's HTTP/1.1 parser and its bookkeeping. It listens on nothing: connections are given to it. */
export interface Http1Parser {
  accept(socket: Socket, connection: Http1Connection): void;
  adjust(limits: ListenerLimits): void;
  /** Only once all connections are gone. */
  close(): void;
}

export function createHttp1Parser(limits: ListenerLimits): Http1Parser {
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
    connectionOf(socket as Socket)?.receiveConnect(request);
  });
  server.on("clientError", (error: ParserError, socket) => {
    const refusal = toRefusal(error);
    if (refusal === undefined) socket.destroy();
    else connectionOf(socket as Socket)?.receiveBroken(refusal);
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
  const token = upgradeToken(request);
  const accepted = connectionOf(request.socket)?.mayUpgrade(request, token) === true;
  request.upgradeDeclined = !accepted;
  return accepted;
}

/** The one protocol that is asked for, lower case. Of several none is chosen: nobody sends a list. */
function upgradeToken(request: Http1Request): string | undefined {
  let token: string | undefined;
  const fields = request.rawHeaders;
  for (let at = 0; at < fields.length; at += 2) {
    if (!isNamed(fields[at] as string, "upgrade")) continue;
    if (token !== undefined) return undefined;
    token = (fields[at + 1] as string).toLowerCase();
  }
  return token;
}

interface ParserError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

/** node's parser errors as ours. `undefined`: there is nobody to answer. */
function toRefusal(error: ParserError): Refusal | undefined {
  const code = refusalCode(error);
  return code === undefined ? undefined : { error: code, message: error.message };
}

function refusalCode(error: ParserError): ErrorCode | undefined {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW": {
      const parsed = error.rawPacket?.subarray(0, error.bytesParsed);
      // Everything that has come is one unfinished line that starts like a request: the target is what is too long.
      const isTarget =
        parsed !== undefined &&
        !parsed.includes(0x0a) &&
        /^[A-Z]+ /.test(parsed.toString("latin1", 0, 32));
      return isTarget ? "PROXY_REQUEST_TARGET_TOO_LONG" : "PROXY_REQUEST_HEAD_TOO_LARGE";
    }
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "PROXY_REQUEST_HEAD_TIMEOUT";
    case "HPE_INVALID_EOF_STATE":
      return undefined;
    default:
      return error.code?.startsWith("HPE_") === true ? "PROXY_REQUEST_MALFORMED" : undefined;
  }
}
