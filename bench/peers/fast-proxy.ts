/** fast-proxy over undici with one field touched in each direction. node bench/peers/fast-proxy.ts PORT ORIGIN_PORT */
import { createServer } from "node:http";
import fastProxy from "fast-proxy";

const [port, originPort] = process.argv.slice(2).map(Number);
const { proxy } = fastProxy({
  base: `http://127.0.0.1:${originPort}`,
  undici: { connections: 100, pipelining: 1 },
});
createServer((request, response) => {
  proxy(request, response, request.url ?? "/", {
    rewriteRequestHeaders: (_request: unknown, headers: object) => ({ ...headers, "x-hook": "1" }),
    rewriteHeaders: (headers: object) => ({ ...headers, "x-served-by": "fast-proxy" }),
  });
}).listen(port, "127.0.0.1");
