/** Three services to play with: `node services.ts`. The second one answers 503 to every fourth request. */
import { createServer, type Server } from "node:http";

/** Serves under a name; every `failing`-th request fails. */
export function startService(name: string, port: number, failing = 0): Promise<Server> {
  let count = 0;
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === "/healthz") {
      response.end("ok");
      return;
    }
    count += 1;
    response.statusCode = failing > 0 && count % failing === 0 ? 503 : 200;
    response.end(`${name}\n`);
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}

if (import.meta.main) {
  await startService("good", 9001);
  await startService("flaky", 9002, 4);
  await startService("canary", 9003);
  console.log("good, flaky and canary listen on 9001, 9002 and 9003");
}
