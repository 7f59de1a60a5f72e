import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import {
  AcmeCertificates,
  type AcmeCertificatesOptions,
} from "../../../../../runtime/primitives/tls/acme/acme-certificates.ts";
import type { AcmeLimits } from "../../../../../runtime/primitives/tls/acme/acme-limits.ts";
import type { AcmeOptions } from "../../../../../runtime/primitives/tls/acme/acme-options.ts";
import { ChallengeBoard } from "../../../../../runtime/primitives/tls/acme/challenge-board.ts";
import { createFakeCa, type FakeCa } from "../../../../helpers/fake-ca.ts";
import { collectLog, type LogCollector } from "../../../../helpers/log-lines.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

interface Setup {
  readonly ca: FakeCa;
  readonly board: ChallengeBoard;
  readonly log: LogCollector;
  readonly folder: string;
  time: number;
  pass(ms: number): Promise<void>;
  open(
    acme?: Partial<AcmeOptions>,
    options?: Partial<AcmeCertificatesOptions> & { limits?: Partial<AcmeLimits> },
  ): Promise<AcmeCertificates>;
}

async function setUp(): Promise<Setup> {
  const folder = await mkdtemp(join(tmpdir(), "gatewright-acme-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const opened: AcmeCertificates[] = [];
  const setup: Setup = {
    ca: createFakeCa(() => setup.time),
    board: new ChallengeBoard(),
    log: collectLog(),
    folder,
    time: Date.parse("2026-11-01T00:00:00Z"),
    async pass(ms) {
      setup.time += ms;
      for (const one of opened) await one.look();
    },
    async open(acme = {}, options = {}) {
      const one = await AcmeCertificates.open({
        acme: {
          directory: setup.ca.directory,
          directoryCa: undefined,
          email: undefined,
          externalAccount: undefined,
          challenges: ["http-01", "tls-alpn-01"],
          hostSets: [["a.test"]],
          hasOnDemand: false,
          ordersPerHour: 80,
          ...acme,
        },
        folder,
        board: setup.board,
        log: setup.log.log,
        describeError: (error) => ({ error }),
        clock: { now: () => setup.time, monotonic: () => setup.time },
        random: () => 0.5,
        transport: setup.ca.transport,
        ...options,
        limits: { pollMs: 1, ...options.limits },
      });
      opened.push(one);
      onTestFinished(() => one.close());
      return one;
    },
  };
  return setup;
}

function messages({ log }: Setup): string[] {
  return log.lines.map(({ level, msg }) => `${level}: ${msg}`);
}

describe("ACME certificates", () => {
  it("orders nothing before the config is live", async () => {
    const setup = await setUp();
    const one = await setup.open();
    await one.look();
    expect(setup.ca.requests).toEqual([]);
    one.start();
    await one.look();
    expect(setup.ca.orders).toEqual(["a.test"]);
    expect(one.pairs.map(({ names }) => names)).toEqual([["a.test"]]);
  });

  it("orders each host set once, and tells every listener", async () => {
    const setup = await setUp();
    const one = await setup.open({ hostSets: [["a.test"], ["b.test", "www.b.test"]] });
    const sources = [one.createSource(), one.createSource()];
    const told: number[] = [];
    for (const source of sources) source.onChange = () => told.push(source.pairs.length);
    expect(sources[0]?.find).toBeUndefined();
    one.start();
    await one.look();
    expect(setup.ca.orders).toEqual(["a.test", "b.test www.b.test"]);
    expect(told).toEqual([1, 1, 2, 2]);
    await sources[0]?.close();
  });

  it("says who it is, agrees to the terms, and binds an account of the CA's (RFC 8555 §7.3.4)", async () => {
    const setup = await setUp();
    const one = await setup.open({
      email: "me@a.test",
      externalAccount: { kid: "kid-1", hmacKey: "c2VjcmV0LXNlY3JldC1zZWNyZXQ" },
    });
    one.start();
    await one.look();
    const { payload } = setup.ca.requests.find(({ url }) => url === "/account") ?? {};
    expect(payload).toMatchObject({
      termsOfServiceAgreed: true,
      contact: ["mailto:me@a.test"],
      externalAccountBinding: { protected: expect.any(String), signature: expect.any(String) },
    });
  });

  it("serves what is stored without asking the CA", async () => {
    const setup = await setUp();
    const first = await setup.open();
    first.start();
    await first.look();
    await first.close();
    setup.ca.fail = () => "down";
    const second = await setup.open();
    expect(second.pairs[0]?.fingerprint).toBe(first.pairs[0]?.fingerprint);
    second.start();
    await second.look();
    expect(setup.ca.orders).toHaveLength(1);
    expect(setup.log.lines.filter(({ level }) => level !== "info")).toEqual([]);
  });

  it("renews after two thirds of the certificate's life, and goes on", async () => {
    const setup = await setUp();
    const one = await setup.open();
    one.start();
    await one.look();
    const [before] = one.pairs;
    await setup.pass(57 * DAY_MS);
    expect(setup.ca.orders).toHaveLength(1);
    await setup.pass(6 * DAY_MS);
    expect(setup.ca.orders).toHaveLength(2);
    expect(one.pairs[0]?.fingerprint).not.toBe(before?.fingerprint);
    await setup.pass(63 * DAY_MS);
    expect(setup.ca.orders).toHaveLength(3);
  });

  it("takes a shorter life than before, and one that is over before it begins, without ordering again and again", async () => {
    const setup = await setUp();
    const one = await setup.open();
    one.start();
    await one.look();
    setup.ca.lifeMs = 10 * DAY_MS;
    await setup.pass(63 * DAY_MS);
    expect(one.pairs[0]?.notAfter).toBe(setup.time + 10 * DAY_MS);
    setup.ca.lifeMs = 1000;
    await setup.pass(8 * DAY_MS);
    expect(setup.ca.orders).toHaveLength(3);
    await setup.pass(30_000);
    expect(setup.ca.orders).toHaveLength(3);
    await setup.pass(31_000);
    expect(setup.ca.orders).toHaveLength(4);
  });

  it("keeps serving while the CA is down, tells it once, and again when it works", async () => {
    const setup = await setUp();
    const one = await setup.open();
    one.start();
    await one.look();
    const [before] = one.pairs;
    setup.log.lines.length = 0;
    setup.ca.fail = () => "down";
    await setup.pass(63 * DAY_MS);
    for (let hour = 0; hour < 24; hour++) await setup.pass(HOUR_MS);
    expect(one.pairs).toEqual([before]);
    setup.ca.fail = undefined;
    await setup.pass(2 * HOUR_MS);
    expect(one.pairs[0]?.fingerprint).not.toBe(before?.fingerprint);
    expect(messages(setup)).toEqual([
      "warn: the CA does not work; those in use stay",
      "info: a certificate was issued",
      "info: certificates are issued again",
    ]);
  });

  it("tells again when a certificate that cannot be renewed ends soon, and when it has ended", async () => {
    const setup = await setUp();
    const one = await setup.open();
    one.start();
    await one.look();
    setup.log.lines.length = 0;
    setup.ca.fail = () => "down";
    await setup.pass(63 * DAY_MS);
    for (let day = 64; day < 95; day++) await setup.pass(DAY_MS);
    expect(messages(setup)).toEqual([
      "warn: the CA does not work; those in use stay",
      "warn: a certificate could not be had, and the one in use ends soon",
      "error: a certificate could not be had, and there is no valid one",
    ]);
    expect(one.pairs).toHaveLength(1);
  });

  it("waits longer after each failure, and as long as Retry-After says (RFC 8555 §6.6)", async () => {
    const setup = await setUp();
    let asked = 0;
    setup.ca.fail = () => {
      asked += 1;
      return { status: 503 };
    };
    const one = await setup.open();
    one.start();
    await one.look();
    expect(asked).toBe(1);
    for (const [ms, total] of [
      [59_000, 1],
      [2000, 2],
      [118_000, 2],
      [3000, 3],
    ] as const) {
      await setup.pass(ms);
      expect(asked).toBe(total);
    }
    setup.ca.fail = () => {
      asked += 1;
      return { status: 503, headers: { "retry-after": "86400" } };
    };
    await setup.pass(HOUR_MS);
    expect(asked).toBe(4);
    await setup.pass(23 * HOUR_MS);
    expect(asked).toBe(4);
    await setup.pass(HOUR_MS + 1000);
    expect(asked).toBe(5);
  });

  it("lets a set that is limited (429) wait alone", async () => {
    const setup = await setUp();
    const problem = { type: "urn:ietf:params:acme:error:rateLimited", detail: "too many" };
    let isFirst = true;
    setup.ca.fail = (path) => {
      if (path !== "/new-order" || !isFirst) return undefined;
      isFirst = false;
      return {
        status: 429,
        text: JSON.stringify(problem),
        headers: { "retry-after": "7200", "content-type": "application/problem+json" },
      };
    };
    const one = await setup.open({ hostSets: [["a.test"], ["b.test"]] });
    one.start();
    await one.look();
    expect(setup.ca.orders).toEqual(["b.test"]);
    await setup.pass(2 * HOUR_MS - 1000);
    expect(setup.ca.orders).toEqual(["b.test"]);
    await setup.pass(2000);
    expect(setup.ca.orders).toEqual(["b.test", "a.test"]);
    expect(setup.log.errors).toMatchObject([
      {
        names: ["a.test"],
        reason: "rateLimited: too many",
        msg: "a certificate could not be had, and there is no valid one",
      },
    ]);
  });

  it("tries the challenges in turn, at most four times an hour, also over restarts", async () => {
    const setup = await setUp();
    setup.ca.authorization = "invalid";
    const first = await setup.open();
    first.start();
    await first.look();
    await setup.pass(15_000);
    expect(setup.ca.challenged.map((one) => one.split(" ")[0])).toEqual(["http-01", "tls-alpn-01"]);
    expect(setup.board.size).toBe(0);
    await first.close();
    // Somebody restarts it every minute.
    for (let minute = 0; minute < 30; minute++) {
      setup.time += 60_000;
      const again = await setup.open();
      again.start();
      await again.look();
      await again.close();
    }
    expect(setup.ca.orders).toHaveLength(4);
    expect(setup.log.errors[0]?.["reason"]).toBe("http-01 for a.test: connection: no answer");
  });

  it("makes no more orders in an hour than it may, and says so once", async () => {
    const setup = await setUp();
    const hostSets = Array.from({ length: 25 }, (_, at) => [`host-${at}.test`]);
    const one = await setup.open({ hostSets, ordersPerHour: 10 });
    one.start();
    await one.look();
    expect(setup.ca.orders).toHaveLength(10);
    await setup.pass(HOUR_MS - 1000);
    expect(setup.ca.orders).toHaveLength(10);
    await setup.pass(2000);
    expect(setup.ca.orders).toHaveLength(20);
    await setup.pass(HOUR_MS + 1000);
    expect(setup.ca.orders).toHaveLength(25);
    expect(one.pairs).toHaveLength(25);
    expect(setup.log.lines.filter(({ level }) => level === "warn")).toHaveLength(2);
  });

  it("takes over what another process has ordered, and waits while it does", async () => {
    const setup = await setUp();
    let isFree = false;
    const lock = { acquire: async () => (isFree ? async () => {} : undefined) };
    const waiting = await setup.open({}, { lock });
    waiting.start();
    await waiting.look();
    expect(setup.ca.orders).toEqual([]);
    const other = await setup.open();
    other.start();
    await other.look();
    isFree = true;
    await setup.pass(5001);
    expect(setup.ca.orders).toEqual(["a.test"]);
    expect(waiting.pairs[0]?.fingerprint).toBe(other.pairs[0]?.fingerprint);
  });

  it("notices a renewed file, and ignores one that is broken or older", async () => {
    const setup = await setUp();
    const one = await setup.open();
    one.start();
    await one.look();
    const [path = ""] = one.pairs.map(({ from }) => from);
    const old = await readFile(path);
    setup.time += 1000;
    const other = await setup.open({ hostSets: [["b.test"], ["a.test"]] });
    await rm(path);
    other.start();
    await other.look();
    await one.refresh();
    const newest = one.pairs[0]?.fingerprint;
    expect(newest).toBe(other.pairs.find(({ names }) => names[0] === "a.test")?.fingerprint);
    await writeFile(path, "broken");
    await one.refresh();
    await writeFile(path, old);
    await one.refresh();
    expect(one.pairs[0]?.fingerprint).toBe(newest);
  });

  it("refuses a certificate for other names than those ordered", async () => {
    const setup = await setUp();
    const transport: typeof setup.ca.transport = async (method, url, body, signal) => {
      const answer = await setup.ca.transport(method, url, body, signal);
      return url.includes("/certificate/") ? { ...answer, text: "not a certificate" } : answer;
    };
    const one = await setup.open({}, { transport });
    one.start();
    await one.look();
    expect(one.pairs).toEqual([]);
    expect(setup.log.errors[0]?.["reason"]).toBe(
      "the CA's certificate cannot be used for what was ordered",
    );
  });

  it("gives up what is under way when it is closed, without a word", async () => {
    const setup = await setUp();
    setup.ca.authorization = "pending";
    const one = await setup.open({}, { limits: { pollMs: 60_000 } });
    one.start();
    const looking = one.look();
    await expect.poll(() => setup.board.size).toBe(1);
    await one.close();
    await looking;
    expect(setup.board.size).toBe(0);
    expect(messages(setup)).toEqual([]);
  });
});
