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

  /** No orders at all for a while: told once, and of each set when it gets serious. `sets`: those that are due. */
  paused(error: AcmeError, until: number, sets: readonly HostSet[], now: number): void {
    const stages = sets.map((set) => stageOf(set, now));
    if (this.#pause !== error.kind) {
      this.#pause = error.kind;
      const without = stages.filter((stage) => stage === "none" || stage === "expired").length;
      const fields = {
        directory: this.#directory,
        reason: error.message,
        again: dateOf(until),
        ...(without === 0 ? {} : { without }),
      };
      const what =
        error.kind === "local" ? "certificates cannot be ordered" : "the CA does not work";
      this.#log.warn(fields, `${what}; those in use stay`);
    }
    for (const [at, set] of sets.entries()) {
      if (stages[at] === "soon" || stages[at] === "expired") {
        this.#tell(set, "pause", now, { reason: error.message }, "a certificate could not be had");
      }
    }
  }

  recovered(): void {
    if (this.#pause === "") return;
    this.#pause = "";
    this.#log.info({ directory: this.#directory }, "certificates are issued again");
  }

  #tell(set: HostSet, kind: string, now: number, fields: object, message: string): void {
    const stage = stageOf(set, now);
    const state = `${kind} ${stage}`;
    if (set.told === state) return;
    set.told = state;
    const all = {
      names: namesOf(set),
      ...fields,
      ...(set.pair === undefined ? {} : { expires: dateOf(set.pair.notAfter) }),
    };
    switch (stage) {
      case "valid":
        this.#log.warn(all, `${message}; the one in use stays`);
        break;
      case "soon":
        this.#log.warn(all, `${message}, and the one in use ends soon`);
        break;
      case "expired":
      case "none":
        if (set.isOnDemand) this.#log.warn(all, message);
        else this.#log.error(all, `${message}, and there is no valid one`);
    }
  }
}

/** Half of the time between renewal and end is over: whoever looks after the machine should look at this. */
const SOON = 5 / 6;

function stageOf({ pair }: HostSet, now: number): "none" | "valid" | "soon" | "expired" {
  if (pair === undefined) return "none";
  if (pair.notAfter <= now) return "expired";
  return now > pair.notBefore + (pair.notAfter - pair.notBefore) * SOON ? "soon" : "valid";
}

function namesOf({ names }: HostSet): readonly string[] {
  return names.slice(0, 10);
}

function dateOf(time: number): string {
  return new Date(time).toISOString();
}
