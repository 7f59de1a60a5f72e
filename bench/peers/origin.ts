/** The origin where nginx is not installed: answers every GET with a small JSON document. node bench/peers/origin.ts PORT */
import { createServer } from "node:http";

const port = Number(process.argv[2]);
const content = Buffer.from(
  JSON.stringify({ hello: "world", list: [1, 2, 3], text: "x".repeat(60) }),
);
createServer((_request, response) => {
  response.writeHead(200, [
    "Content-Type",
    "application/json",
    "Content-Length",
    String(content.length),
  ]);
  response.end(content);
}).listen(port, "127.0.0.1");
