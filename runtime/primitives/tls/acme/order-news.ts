import type { Log } from "../../../log.ts";
import type { AcmeError } from "./acme-error.ts";
import type { HostSet } from "./host-set.ts";

/**
 * What is logged about orders: once for each change of state, not for each attempt. An error where visitors see it (a
 * configured name has no valid certificate), a warning where there is still time.
 */
export class OrderNews {
  readonly #log: Log;
  readonly #directory: string;
  #pause = "";
  #isLimited = false;

  constructor(log: Log, directory: string) {
    this.#log = log;
    this.#directory = directory;
  }

  issued(set: HostSet): void {
    this.#isLimited = false;
    const fields = { names: namesOf(set), expires: dateOf(set.pair?.notAfter ?? 0) };
    this.#log.info(fields, "a certificate was issued");
  }

  notStored(set: HostSet, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.error({ names: namesOf(set), reason }, "a certificate cannot be stored");
  }

  failed(set: HostSet, error: AcmeError, now: number): void {
    const fields = { reason: error.message, again: dateOf(set.dueAt) };
    this.#tell(set, error.kind, now, fields, "a certificate could not be had");
  }

  /** `ordersPerHour` is used up. */
  limited(until: number): void {
    if (this.#isLimited) return;
    this.#isLimited = true;
    const fields = { directory: this.#directory, again: dateOf(until) };
    this.#log.warn(fields, "the limit of orders is reached: certificates have to wait");
  }

  /** No orders at all for a while. */
  paused(error: AcmeError, until: number): void {
    if (this.#pause === error.kind) return;
    this.#pause = error.kind;
    const fields = { directory: this.#directory, reason: error.message, again: dateOf(until) };
    const what = error.kind === "local" ? "certificates cannot be ordered" : "the CA does not work";
    this.#log.warn(fields, `${what}; those in use stay`);
  }

  recovered(): void {
    if (this.#pause === "") return;
    this.#pause = "";
    this.#log.info({ directory: this.#directory }, "certificates are issued again");
  }

  #tell(set: HostSet, kind: string, now: number, fields: object, message: string): void {
    const { pair } = set;
    const isServed = pair !== undefined && pair.notAfter > now;
    const state = `${kind} ${isServed}`;
    if (set.told === state) return;
    set.told = state;
    const all = { names: namesOf(set), ...fields };
    if (isServed) {
      this.#log.warn(
        { ...all, expires: dateOf(pair.notAfter) },
        `${message}; the one in use stays`,
      );
    } else if (set.isOnDemand) this.#log.warn(all, message);
    else this.#log.error(all, `${message}, and there is no valid one`);
  }
}

function namesOf({ names }: HostSet): readonly string[] {
  return names.slice(0, 10);
}

function dateOf(time: number): string {
  return new Date(time).toISOString();
}
