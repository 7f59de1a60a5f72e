import { describe, expect, it } from "vitest";

import { formatPath } from "../../../runtime/config/option-path.ts";
import { validate } from "../../../runtime/config/validate.ts";

const HTTP = "http://127.0.0.1:1";
const HTTPS = "https://a.test";

/** Paths of the issues of one upstream, without its name. */
function issuesOf(upstream: object): string[] {
  const result = validate({ upstreams: { api: upstream } });
  if (result.kind === "valid") return [];
  return result.issues.map((issue) => formatPath(issue.path).replace("upstreams.api.", ""));
}

describe("targets", () => {
  it.each<[object]>([
    [{ targets: ["unix:/run/app.sock"] }],
    [{ targets: [{ url: "unix:/run/app.sock", weight: 2 }, HTTP] }],
    [{ targets: ["http://[::1]:9000"] }],
    [{ targets: ["http://_http._tcp.api.consul"], resolve: "srv" }],
    [{ targets: [HTTP], resolve: "lookup" }],
    [
      {
        targets: [HTTP],
        resolve: { by: "dns", servers: ["192.0.2.1", "[2001:db8::1]:53", "2001:db8::1"] },
      },
    ],
    [{ targets: [], resolve: () => [] }],
    [{ targets: [], resolve: { by: () => [], interval: "10s" } }],
    [{ targets: [{ url: HTTP, maxConnections: 1, priority: 3 }], maxConnectionAge: "5m" }],
    [{ targets: [HTTP], panicThreshold: 0.5, maxRequestsPerConnection: 1000 }],
    [{ targets: [HTTPS], tls: {} }],
    [{ targets: [HTTPS, HTTP], tls: { ca: ["a.pem"], serverName: "b.test", verify: false } }],
    [{ targets: [HTTPS], tls: { cert: "a.pem", key: "a.key", passphrase: "x" } }],
    [{ targets: [], resolve: () => [], tls: { ca: "a.pem" } }],
  ])("%j is taken", (upstream) => {
    expect(issuesOf(upstream)).toEqual([]);
  });

  it.each<[string, object]>([
    ["targets", { targets: [] }],
    ["targets", { targets: [], resolve: "dns" }],
    ["targets[0]", { targets: ["unix:run/app.sock"] }],
    ["targets[0]", { targets: ["unix://run/app.sock"] }],
    ["targets[0]", { targets: [`unix:/${"x".repeat(120)}`] }],
    ["targets[0].maxConnections", { targets: [{ url: HTTP, maxConnections: 0 }] }],
    ["resolve", { targets: [HTTP], resolve: "consul" }],
    ["resolve.by", { targets: [HTTP], resolve: {} }],
    ["resolve.servers[0]", { targets: [HTTP], resolve: { by: "dns", servers: ["ns.test"] } }],
    ["resolve.servers[0]", { targets: [HTTP], resolve: { by: "dns", servers: ["192.0.2.1:0"] } }],
    ["resolve.servers", { targets: [HTTP], resolve: { by: "lookup", servers: ["192.0.2.1"] } }],
    ["panicThreshold", { targets: [HTTP], panicThreshold: 50 }],
    ["maxRequestsPerConnection", { targets: [HTTP], maxRequestsPerConnection: 0 }],
    ["tls", { targets: [HTTP, "unix:/run/app.sock"], tls: {} }],
    ["tls.key", { targets: [HTTPS], tls: { cert: "a.pem" } }],
    ["tls.cert", { targets: [HTTPS], tls: { key: "a.key" } }],
    ["tls.serverName", { targets: [HTTPS], tls: { serverName: "192.0.2.1" } }],
    ["tls.serverName", { targets: [HTTPS], tls: { serverName: "*.a.test" } }],
    ["tls.verify", { targets: [HTTPS], tls: { verify: "no" } }],
  ])("%s is refused in %j", (path, upstream) => {
    expect(issuesOf(upstream)).toEqual([path]);
  });
});
