import type { SlotTimers } from "./slot-timers.ts";

type Listener = (...args: unknown[]) => unknown;

interface Registration {
  readonly event: string | symbol;
  readonly listener: Listener;
  readonly wrapped: Listener;
}

export interface SlotProcess {
  readonly process: NodeJS.Process;
  /** Removes every listener that user code added. */
  retire(): void;
}

const REFUSED: ReadonlySet<string | symbol> = new Set([
  "exit",
  "reallyExit",
  "abort",
  "chdir",
  "setuid",
  "setgid",
  "seteuid",
  "setegid",
  "setgroups",
  "initgroups",
  "setUncaughtExceptionCaptureCallback",
  "umask",
]);

/**
 * `process` as the config file sees it: nothing that it does may end or move the process that serves everyone, and
 * listeners that it adds go when its generation retires.
 */
export function createSlotProcess(timers: SlotTimers): SlotProcess {
  const registrations: Registration[] = [];
  let retired = false;

  const add =
    (method: "on" | "once" | "prependListener" | "prependOnceListener") =>
    (event: string | symbol, listener: Listener) => {
      if (typeof listener !== "function") return process[method](event as never, listener as never);
      if (retired) return proxy;
      const once = method === "once" || method === "prependOnceListener";
      const wrapped: Listener = (...args) => {
        if (once) drop(registration);
        timers.guard(
          `process.on(${JSON.stringify(String(event))})`,
          listener as never,
          proxy,
          args,
        );
      };
      const registration = { event, listener, wrapped };
      registrations.push(registration);
      process[method](event as never, wrapped as never);
      return proxy;
    };
  const drop = (registration: Registration) => {
    const index = registrations.indexOf(registration);
    if (index !== -1) registrations.splice(index, 1);
    process.off(registration.event as never, registration.wrapped as never);
  };
  const remove = (event: string | symbol, listener: Listener) => {
    const found = registrations.findLast((one) => one.event === event && one.listener === listener);
    if (found !== undefined) drop(found);
    return proxy;
  };
  const removeAll = (event?: string | symbol) => {
    for (const one of [...registrations]) {
      if (event === undefined || one.event === event) drop(one);
    }
    return proxy;
  };
  const overrides: Record<string | symbol, unknown> = {
    on: add("on"),
    addListener: add("on"),
    once: add("once"),
    prependListener: add("prependListener"),
    prependOnceListener: add("prependOnceListener"),
    off: remove,
    removeListener: remove,
    removeAllListeners: removeAll,
    kill: (pid: number, signal?: string | number) => {
      // Signal 0 only asks whether the process is there.
      if (signal !== 0 && (pid === process.pid || pid <= 0)) throw refusal("kill");
      return process.kill(pid, signal);
    },
    nextTick: (fn: Listener, ...args: unknown[]) => {
      if (typeof fn !== "function") process.nextTick(fn);
      else process.nextTick(() => timers.guard("process.nextTick", fn as never, undefined, args));
    },
  };
  for (const name of REFUSED) {
    overrides[name] = () => {
      throw refusal(String(name));
    };
  }
  const proxy: NodeJS.Process = new Proxy(process, {
    get: (target, key) =>
      Object.hasOwn(overrides, key) ? overrides[key] : (Reflect.get(target, key) as unknown),
    set(target, key, value) {
      if (key === "exitCode") throw refusal("exitCode");
      return Reflect.set(target, key, value);
    },
  });

  return {
    process: proxy,
    retire() {
      retired = true;
      removeAll();
    },
  };
}

function refusal(name: string): Error {
  const call = name === "exitCode" ? "process.exitCode" : `process.${name}()`;
  return new Error(
    `${call} is not for a config: it would change or end the proxy that serves every request.`,
  );
}
