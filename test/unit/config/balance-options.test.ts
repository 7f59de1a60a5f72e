/** What upstreams may say about balancing, splits and mirrors. */
import { describe, expect, it } from "vitest";

import { normalize } from "../../../runtime/config/normalize.ts";
import { formatPath } from "../../../runtime/config/option-path.ts";
import type { UserConfig } from "../../../runtime/config/resolved-config.ts";
import { validate } from "../../../runtime/config/validate.ts";

const targets = ["http://127.0.0.1:9000"];
const SECRET = "s".repeat(32);

function issues(app: object, more: object = {}): string[] {
  const result = validate({
    upstreams: { app, other: { targets } },
    routes: [{ upstream: "app" }],
    ...more,
  });
  return result.kind === "valid" ? [] : result.issues.map(({ path }) => formatPath(path));
}

describe("balance", () => {
  it.each<[object]>([
    [{ balance: "round-robin" }],
    [{ balance: "least-connections" }],
    [{ balance: "random-two-choices" }],
    [{ balance: { type: "hash", by: "client" } }],
    [{ balance: { type: "hash", by: { header: "X-A" }, boundedLoad: 1 } }],
    [{ balance: { type: "hash", by: { cookie: "a" }, boundedLoad: false } }],
    [{ balance: { type: "hash", by: () => "a" } }],
    [{ balance: { type: "sticky" } }],
    [{ balance: { type: "sticky", secret: SECRET, otherwise: "random-two-choices" } }],
    [
      {
        balance: {
          type: "sticky",
          secret: [SECRET, SECRET],
          cookie: { maxAge: "1d", secure: true },
        },
      },
    ],
    [{ balance: { type: "sticky", cookie: { sameSite: "None", secure: true } } }],
    [{ pick: () => undefined, spillBelow: 0.5 }],
    [{ mirror: { upstream: "other", share: 0.1, maxRequests: 5, timeout: "1s" } }],
  ])("may be %j", (options) => {
    expect(issues({ targets, ...options })).toEqual([]);
  });

  it.each<[object, string]>([
    [{ balance: "fastest" }, "upstreams.app.balance"],
    [{ balance: { type: "random" } }, "upstreams.app.balance.type"],
    [{ balance: { type: "hash" } }, "upstreams.app.balance.by"],
    [{ balance: { type: "hash", by: "random" } }, "upstreams.app.balance.by"],
    [{ balance: { type: "hash", by: { header: "a b" } } }, "upstreams.app.balance.by.header"],
    [{ balance: { type: "hash", by: { cookie: "a;b" } } }, "upstreams.app.balance.by.cookie"],
    [{ balance: { type: "hash", by: async () => "a" } }, "upstreams.app.balance.by"],
    [
      { balance: { type: "hash", by: "client", boundedLoad: 0.9 } },
      "upstreams.app.balance.boundedLoad",
    ],
    [
      { balance: { type: "hash", by: "client", otherwise: "x" } },
      "upstreams.app.balance.otherwise",
    ],
    [{ balance: { type: "sticky", secret: "short" } }, "upstreams.app.balance.secret"],
    [{ balance: { type: "sticky", secret: [] } }, "upstreams.app.balance.secret"],
    [{ balance: { type: "sticky", otherwise: "hash" } }, "upstreams.app.balance.otherwise"],
    [{ balance: { type: "sticky", cookie: { name: "a=b" } } }, "upstreams.app.balance.cookie.name"],
    [
      { balance: { type: "sticky", cookie: { path: "/; Domain=evil.test" } } },
      "upstreams.app.balance.cookie.path",
    ],
    [
      { balance: { type: "sticky", cookie: { sameSite: "None" } } },
      "upstreams.app.balance.cookie.sameSite",
    ],
    [{ pick: async () => undefined }, "upstreams.app.pick"],
    [{ pick: "first" }, "upstreams.app.pick"],
    [{ spillBelow: 0 }, "upstreams.app.spillBelow"],
    [{ mirror: { upstream: "othr" } }, "upstreams.app.mirror.upstream"],
    [{ mirror: { upstream: "app" } }, "upstreams.app.mirror.upstream"],
    [{ mirror: { upstream: "other", share: 0 } }, "upstreams.app.mirror.share"],
    [{ mirror: {} }, "upstreams.app.mirror.upstream"],
  ])("may not be %j", (options, path) => {
    expect(issues({ targets, ...options })).toEqual([path]);
  });

  it("shows no secret in what it complains about", () => {
    const secret = "hunter2 hunter2";
    const result = validate({
      upstreams: { app: { targets, balance: { type: "sticky", secret } } },
    });
    expect(JSON.stringify(result)).not.toContain("hunter2");
  });

  it("is round-robin by default", () => {
    const { upstreams } = normalize(
      { upstreams: { app: { targets } } },
      "/a/proxy.config.ts",
      "start",
    );
    expect(upstreams.get("app")).toMatchObject({
      balance: { type: "round-robin" },
      pick: undefined,
      spillBelow: 0.7,
      mirror: undefined,
    });
  });

  it("has a cookie that scripts cannot read and other sites do not send by default", () => {
    const config: UserConfig = { upstreams: { app: { targets, balance: { type: "sticky" } } } };
    expect(normalize(config, "/a/proxy.config.ts", "start").upstreams.get("app")).toMatchObject({
      balance: {
        cookie: {
          name: "gatewright-target",
          path: "/",
          maxAgeSeconds: undefined,
          sameSite: "Lax",
          secure: "auto",
          httpOnly: true,
        },
        secrets: [],
        otherwise: "round-robin",
      },
    });
  });
});

describe("a split", () => {
  it.each<[object, string[]]>([
    [{ split: { other: 1 } }, []],
    [{ split: { other: 0.5 }, by: "random" }, []],
    [{ split: { other: 1 }, by: { cookie: "a" } }, []],
    [{ split: { othr: 1 } }, ["upstreams.app.split.othr"]],
    [{ split: { app: 1 } }, ["upstreams.app.split.app"]],
    [{ split: { other: 0 } }, ["upstreams.app.split"]],
    [{ split: {} }, ["upstreams.app.split"]],
    [{ split: { other: -1 } }, ["upstreams.app.split.other", "upstreams.app.split"]],
    [{ split: { other: 1 }, by: "ip" }, ["upstreams.app.by"]],
    [{ split: { other: 1 }, targets }, ["upstreams.app.targets"]],
  ])("%j has issues at %j", (app, paths) => {
    expect(issues(app)).toEqual(paths);
  });

  it("cannot be a mirror", () => {
    const mirror = { upstream: "app" };
    expect(issues({ split: { other: 1 } }, { routes: [{ upstream: "other", mirror }] })).toEqual([
      "routes[0].mirror.upstream",
    ]);
  });
});
