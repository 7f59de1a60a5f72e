import { describe, expect, it } from "vitest";

import { judgeResponse } from "../../../../runtime/primitives/cache/freshness.ts";
import { ResponseStore } from "../../../../runtime/primitives/cache/response-store.ts";
import {
  answersForError,
  clientDirectives,
  reuse,
  type Reuse,
} from "../../../../runtime/primitives/cache/reuse.ts";
import { StoredResponse } from "../../../../runtime/primitives/cache/stored-response.ts";

const START = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;

function stored(control: string, receivedAt = START): StoredResponse {
  const fields = [
    "Cache-Control",
    control,
    "ETag",
    '"a"',
    "Date",
    new Date(receivedAt).toUTCString(),
  ];
  const policy = {
    ttlMs: undefined,
    statuses: undefined,
    staleWhileRevalidateMs: undefined,
    staleIfErrorMs: undefined,
    heuristic: true,
    setCookie: "skip",
  } as const;
  return new StoredResponse({
    key: "/",
    url: "/",
    route: "r",
    status: 200,
    fields,
    body: new Uint8Array(1),
    selection: [],
    tags: [],
    receivedAt,
    verdict: judgeResponse([], 200, fields, policy, receivedAt, receivedAt, undefined),
  });
}

const after = (control: string, seconds: number, request = ""): Reuse =>
  reuse(
    stored(control),
    clientDirectives(request === "" ? [] : ["Cache-Control", request]),
    START + seconds * 1000,
  );

describe("reuse", () => {
  it.each([
    ["max-age=60", 59, "", "fresh"],
    ["max-age=60", 60, "", "validate-stale"],
    ["max-age=60, no-cache", 1, "", "validate-stale"],
    ["max-age=60, stale-while-revalidate=30", 90, "", "stale-while-revalidate"],
    ["max-age=60, stale-while-revalidate=30", 91, "", "validate-stale"],
    ["max-age=60, stale-while-revalidate=30, must-revalidate", 70, "", "validate-stale"],
    ["s-maxage=60, stale-while-revalidate=30", 70, "", "stale-while-revalidate"],
  ] as const)("of %j after %i s: %j %j (RFC 9111 §4.2)", (control, seconds, request, expected) => {
    expect(after(control, seconds, request)).toBe(expected);
  });

  it.each([
    ["max-age=60", 1, "no-cache", "validate-request"],
    ["max-age=60", 1, "max-age=0", "validate-request"],
    ["max-age=60", 1, "max-age=1", "fresh"],
    ["max-age=60", 1, "min-fresh=59", "fresh"],
    ["max-age=60", 1, "min-fresh=60", "validate-request"],
    ["max-age=60, stale-while-revalidate=9", 1, "min-fresh=60", "validate-request"],
    ["max-age=60, stale-while-revalidate=9", 61, "min-fresh=1", "validate-stale"],
    ["max-age=60, stale-while-revalidate=9", 61, "max-age=70", "validate-stale"],
    ["max-age=60", 70, "max-stale=10", "stale"],
    ["max-age=60", 71, "max-stale=10", "validate-stale"],
    ["max-age=60", 9999, "max-stale", "stale"],
    ["max-age=60", 61, "max-stale=x", "validate-stale"],
  ] as const)(
    "of %j after %i s for a client with %j: %j (RFC 9111 §5.2.1)",
    (control, seconds, request, expected) => {
      expect(after(control, seconds, request)).toBe(expected);
    },
  );

  it.each(["must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"])(
    "PUB-22: %s beats max-stale (RFC 9111 §4.2.4)",
    (word) => {
      expect(after(`max-age=60, ${word}`, 70, "max-stale=600")).toBe("validate-stale");
    },
  );

  it("takes Pragma where there is no Cache-Control (RFC 9111 §5.4)", () => {
    expect(clientDirectives(["Pragma", "a, No-Cache"]).noCache).toBe(true);
    expect(clientDirectives(["Pragma", "no-cache", "Cache-Control", "a"]).noCache).toBe(false);
    expect(clientDirectives(["Pragma", "no-cache-not"]).noCache).toBe(false);
    expect(clientDirectives(["Cache-Control", "only-if-cached"]).onlyIfCached).toBe(true);
  });
});

describe("answersForError", () => {
  const answers = (control: string, seconds: number, unreachable: boolean): boolean =>
    answersForError(stored(control), unreachable, START + seconds * 1000);

  it.each([
    ["max-age=60, stale-if-error=60", 120, false, true],
    ["max-age=60, stale-if-error=60", 121, false, false],
    ["max-age=60, stale-if-error=60", 121, true, false],
    ["max-age=60", 61, false, false],
    ["max-age=60", 61, true, true],
    ["max-age=60", 86_460, true, true],
    ["max-age=60", 86_461, true, false],
    ["max-age=60", 59, false, false],
    ["max-age=60", 59, true, true],
    ["s-maxage=60, stale-if-error=60", 61, false, true],
  ] as const)(
    "%j after %i s, unreachable %j: %j (RFC 5861 §4)",
    (control, seconds, gone, expected) => {
      expect(answers(control, seconds, gone)).toBe(expected);
    },
  );

  it.each(["must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"])(
    "PUB-22: never with %s (RFC 9111 §5.2.2.2)",
    (word) => {
      expect(answers(`max-age=60, ${word}`, 61, true)).toBe(false);
    },
  );
});

describe("a simulated day", () => {
  it("expires, is refreshed in the background, and bridges an outage", () => {
    const store = new ResponseStore(1024 ** 2, 1024 ** 2);
    const control = "max-age=600, stale-while-revalidate=60, stale-if-error=7200";
    const counts = { fresh: 0, background: 0, waited: 0, bridged: 0, failed: 0 };
    const isDown = (now: number): boolean => now >= START + 6 * HOUR && now < START + 9 * HOUR;
    const fetch = (now: number): void => store.add(stored(control, now));
    const nothing = clientDirectives([]);
    // A request each second, but none in the last hour: what is stored then is no longer to be used.
    for (let now = START; now < START + 23 * HOUR; now += 1000) {
      const found = store.find("/", []);
      if (found === undefined) {
        fetch(now);
        continue;
      }
      switch (reuse(found, nothing, now)) {
        case "fresh":
          counts.fresh += 1;
          break;
        case "stale-while-revalidate":
          counts.background += 1;
          if (!isDown(now)) fetch(now);
          break;
        default:
          if (!isDown(now)) {
            counts.waited += 1;
            fetch(now);
          } else if (answersForError(found, true, now)) counts.bridged += 1;
          else counts.failed += 1;
      }
    }
    // Fetched at 0 s, then by one request in each ten minutes; at 21,600 s the outage begins, as the last one turns
    // stale: 61 requests within stale-while-revalidate, those up to 7,200 s within stale-if-error, the others fail.
    expect(counts).toEqual({
      fresh: 23 * 3600 - 1 - 1 - 35 - 83 - 10_800,
      background: 35 + 61 + 83,
      waited: 1,
      bridged: 7200 - 60,
      failed: 10_799 - 7200,
    });
    expect(reuse(store.find("/", []) as StoredResponse, nothing, START + 24 * HOUR)).toBe(
      "validate-stale",
    );
  });
});
