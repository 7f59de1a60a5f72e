/** A WebSocket server to put behind the proxy: sends back what it gets, with the user's name before it. */
import { createServer, type Server } from "node:http";
import { WebSocketServer } from "ws";

export function createChatServer(): Server {
  const server = createServer((_request, response) => response.end("Connect by WebSocket.\n"));
  const sockets = new WebSocketServer({ server, path: "/chat" });
  sockets.on("connection", (socket, request) => {
    const user = request.headers["x-user"] ?? "someone";
    // ws hands over one Buffer for each message.
    socket.on("message", (message: Buffer, isBinary) => {
      const text = message.toString();
      if (isBinary) socket.send(message);
      else if (text === "bye") socket.close(4000, "goodbye");
      else socket.send(`${String(user)}: ${text}`);
    });
  });
  return server;
}

if (import.meta.main) {
  createChatServer().listen(Number(process.env["CHAT_PORT"] ?? 9000), "127.0.0.1");
}
