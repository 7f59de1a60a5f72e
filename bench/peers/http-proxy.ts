/** http-proxy with keep-alive and one field touched in each direction. node bench/peers/http-proxy.ts PORT ORIGIN_PORT */
import { Agent, createServer } from "node:http";
import httpProxy from "http-proxy";

const [port, originPort] = process.argv.slice(2).map(Number);
const proxy = httpProxy.createProxyServer({
  target: `http://127.0.0.1:${originPort}`,
  agent: new Agent({ keepAlive: true, maxSockets: 100 }),
  xfwd: true,
});
proxy.on("proxyReq", (proxied) => proxied.setHeader("x-hook", "1"));
proxy.on("proxyRes", (answer) => {
  answer.headers["x-served-by"] = "http-proxy";
});
proxy.on("error", (_error, _request, response) => response.destroy());
createServer((request, response) => proxy.web(request, response)).listen(port, "127.0.0.1");
