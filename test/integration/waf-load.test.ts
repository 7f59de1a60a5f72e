/** While clients send what is hardest to inspect, others are served: no turn of the loop takes long. */
import { describe, expect, it } from "vitest";

import { filledText, UNITS } from "../helpers/adversarial-texts.ts";
import { busiestTurnMs } from "../helpers/busiest-turn.ts";
import { scaled } from "../helpers/scale.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { PLACES, type PlaceName } from "../helpers/waf-places.ts";
import { statusOverTheWire } from "../helpers/wire-status.ts";

const MAX_TURN_MS = 100;
/** Neighbours make a turn look longer, never shorter: what is over the limit is done again, and the least counts. */
const TRIES = 4;

const VALUE = 64 * 1024;
const CONTENT = 1000 * 1024;
/** The most that a target, or a head, has room for. */
const TARGET = 7 * 1024;
const HEAD = 14 * 1024;

const LENGTHS: readonly [place: PlaceName, length: number][] = [
  ["query", TARGET],
  ["path", TARGET],
  ["cookie", HEAD],
  ["field", HEAD],
  ["form", VALUE - 16],
  ["form", CONTENT],
  ["json", VALUE - 16],
  ["jsonEscapes", VALUE],
  ["jsonKey", VALUE - 16],
  ["jsonContent", CONTENT],
  ["multipart", VALUE - 16],
  ["xml", VALUE - 16],
  ["xmlContent", CONTENT],
  ["text", VALUE - 16],
  ["text", CONTENT],
];

const PING = PLACES.query("ping");

describe("the WAF, under contents that are hard to inspect", () => {
  it.for(LENGTHS)(
    "answers others between two of its slices, whatever fills %s of %i bytes (PUB-37)",
    { timeout: 900_000 },
    async ([place, length], { annotate }) => {
      const proxy = await startProxy({
        config: {
          upstreams: { app: { fetch: () => new Response("ok") } },
          waf: {},
          log: { access: false },
        },
      });
      const every = scaled(23, 1);
      let most = 0;
      let slowest = "";
      for (const unit of UNITS.filter((_, at) => (at + length) % every === 0)) {
        const hard = PLACES[place](filledText(unit, length));
        if (hard === undefined) continue;
        let least = Number.POSITIVE_INFINITY;
        for (let again = 0; again < TRIES && least > MAX_TURN_MS / 2; again++) {
          let pings = 0;
          const turn = await busiestTurnMs(async () => {
            const sent = statusOverTheWire(proxy.port, hard);
            let isAnswered = false;
            void sent.then(() => (isAnswered = true));
            while (!isAnswered) {
              expect(await statusOverTheWire(proxy.port, PING)).toBe(200);
              pings += 1;
            }
          });
          expect(pings).toBeGreaterThan(0);
          least = Math.min(least, turn);
        }
        if (least > most) [most, slowest] = [least, unit];
      }
      await annotate(`${JSON.stringify(slowest)}: ${most.toFixed(1)} ms`);
      expect(most, slowest).toBeLessThan(MAX_TURN_MS);
    },
  );
});
