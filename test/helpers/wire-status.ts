import { connect } from "node:net";

import type { SuiteRequest } from "./waf-suites.ts";

/** The status that a connection of its own gets for a request, however odd it is; 0: none. */
export function statusOverTheWire(
  port: number,
  { method, target, fields, content }: Omit<SuiteRequest, "family" | "id" | "isAttack">,
): Promise<number> {
  const names = new Set(fields.map(([name]) => name.toLowerCase()));
  const head = [`${method} ${target} HTTP/1.1`];
  if (!names.has("host")) head.push("Host: localhost");
  for (const [name, value] of fields) {
    if (!/^(?:content-length|transfer-encoding|connection|expect)$/i.test(name)) {
      head.push(`${name}: ${value}`);
    }
  }
  head.push("Connection: close", `Content-Length: ${content?.byteLength ?? 0}`, "", "");
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(head.join("\r\n"), "utf8");
      if (content !== undefined) socket.write(content);
    });
    socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => {
      // An interim answer may come first.
      const last = [...answer.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].at(0)?.[1];
      resolve(Number(last ?? 0));
    });
  });
}
