import { randomBytes } from "node:crypto";

import { systemClock, type Clock } from "../../clock.ts";

/**
 * The key that session tickets are sealed with. node holds one for each server, and a random one of its own unless it is
 * told: resumption would then end with every change of the default certificate and never work across workers.
 */
export interface TicketKeySource {
  /** 48 bytes. The same buffer until the next rotation, so that a comparison tells whether it has to be set again. */
  current(): Buffer;
}

/** Whoever has the key can read recorded TLS 1.2 sessions that were resumed with it, so it does not live long. */
const ROTATE_AFTER_MS = 12 * 60 * 60 * 1000;

/** Each rotation costs returning clients one full handshake. Made anew when asked after the time: no timer. */
export function createTicketKeys(
  clock: Clock = systemClock,
  rotateAfterMs: number = ROTATE_AFTER_MS,
): TicketKeySource {
  let key = randomBytes(48);
  let due = clock.monotonic() + rotateAfterMs;
  return {
    current() {
      const now = clock.monotonic();
      if (now >= due) {
        key = randomBytes(48);
        due = now + rotateAfterMs;
      }
      return key;
    },
  };
}
