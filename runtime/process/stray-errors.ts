/**
 * Errors that nobody caught. One `async` function used as an event listener in somebody's hook must not end a process
 * that carries other people's requests, so they are told apart by where they come from:
 *
 * - the config's code (a frame of it is on the stack): logged with its place; everything goes on;
 * - this engine (one of its files is on the stack): a rejection is logged and lived with, since one request at most is
 *   in an unknown state; an exception may have left anything half done, so the process ends with 1;
 * - neither: packages that the config uses, or a thrown text. The engine throws errors only and listens for errors on
 *   every socket of its own, so these are not its, and everything goes on.
 */
import { dirname, sep } from "node:path";

import type { StackMapper } from "../config/stack-mapper.ts";
import type { Log } from "../log.ts";

export interface StrayErrorActions {
  readonly stackMapper: Pick<StackMapper, "originOf" | "errorFields">;
  readonly log: Log;
  exit(code: number): void;
}

const OWN_CODE = dirname(import.meta.dirname) + sep;

/** Returns what removes the listeners. */
export function listenForStrayErrors(actions: StrayErrorActions): () => void {
  const onRejection = (reason: unknown): void => {
    const { origin, fields } = describe(reason, actions);
    const what = "a promise was rejected that nobody awaits";
    actions.log.error({ ...fields, origin }, `${WHOSE[origin]}: ${what}`);
  };
  const onException = (error: unknown): void => {
    const { origin, fields } = describe(error, actions);
    const what = "an exception that nobody caught";
    if (origin !== "internal") {
      actions.log.error({ ...fields, origin }, `${WHOSE[origin]}: ${what}`);
      return;
    }
    actions.log.error({ ...fields, origin, fatal: true }, `${WHOSE[origin]}: ${what}; exiting`);
    actions.exit(1);
  };
  process.on("unhandledRejection", onRejection);
  process.on("uncaughtException", onException);
  return () => {
    process.off("unhandledRejection", onRejection);
    process.off("uncaughtException", onException);
  };
}

type Origin = "config" | "internal" | "package";

const WHOSE: Record<Origin, string> = {
  config: "in the config's code",
  internal: "in gatewright itself",
  package: "in code that the config uses",
};

function describe(
  error: unknown,
  { stackMapper }: StrayErrorActions,
): { origin: Origin; fields: object } {
  const from = stackMapper.originOf(error);
  const fields = {
    ...stackMapper.errorFields(error),
    ...(from === undefined ? {} : { generation: from.generation }),
  };
  if (from !== undefined) return { origin: "config", fields };
  return { origin: isOwn(error) ? "internal" : "package", fields };
}

function isOwn(error: unknown): boolean {
  try {
    const stack = (error as { stack?: unknown } | null | undefined)?.stack;
    return typeof stack === "string" && stack.includes(OWN_CODE);
  } catch {
    // A getter that throws is nobody's but the config's.
    return false;
  }
}
