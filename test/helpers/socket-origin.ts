import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";

import { onTestFinished } from "vitest";
import { WebSocketServer } from "ws";

/** An upstream of upgraded connections: `/echo` is a WebSocket that echoes, all others get 101 and their bare sockets. */
export interface SocketOrigin {
  readonly url: string;
  readonly open: ReadonlySet<Socket>;
  /** Targets of the upgrades that were asked for, in order. */
  readonly targets: readonly string[];
  /** The next tunnel that is opened for this target, paused. */
  upgraded(target: string): Promise<Socket>;
}

/** Closed at the end of the test. */
export async function startSocketOrigin(): Promise<SocketOrigin> {
  const echo = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const open = new Set<Socket>();
  const targets: string[] = [];
  const waiting = new Map<string, (socket: Socket) => void>();
  const server = createServer();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => {});
    // node keeps it half open otherwise.
    socket.on("end", () => socket.end());
    socket.on("close", () => open.delete(socket));
  });
  server.on("upgrade", (request, socket, head) => {
    const target = request.url ?? "";
    targets.push(target);
    if (target === "/echo") {
      echo.handleUpgrade(request, socket, head, (one) =>
        one.on("message", (message, isBinary) => one.send(message, { binary: isBinary })),
      );
      return;
    }
    socket.write("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    if (head.length > 0) socket.unshift(head);
    waiting.get(target)?.(socket as Socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open,
    targets,
    upgraded: (target) => new Promise((resolve) => waiting.set(target, resolve)),
  };
}

/** A WebSocket handshake as raw bytes. */
export function upgradeRequest(target: string): string {
  return (
    `GET ${target} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`
  );
}
