import { describe, expect, it, onTestFinished, vi } from "vitest";

import { createStackMapper } from "../../../runtime/config/stack-mapper.ts";
import { createResourceRegistry } from "../../../runtime/generation/resources.ts";
import { listenForSignals } from "../../../runtime/process/signals.ts";
import { listenForStrayErrors } from "../../../runtime/process/stray-errors.ts";
import { collectLog } from "../../helpers/log-lines.ts";

/** What was registered on `process`, without disturbing the test runner's own listeners. */
function captureListeners(): Map<string, (...args: unknown[]) => void> {
  const listeners = new Map<string, (...args: unknown[]) => void>();
  const spies = [
    vi.spyOn(process, "on").mockImplementation((name, listener) => {
      listeners.set(String(name), listener as never);
      return process;
    }),
    vi.spyOn(process, "off").mockImplementation((name) => {
      listeners.delete(String(name));
      return process;
    }),
  ];
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
  return listeners;
}

function start() {
  const listeners = captureListeners();
  const { log, errors } = collectLog();
  const exit = vi.fn();
  const stackMapper = createStackMapper();
  const remove = listenForStrayErrors({ stackMapper, log, exit });
  const emit = (name: string, error: unknown): void => listeners.get(name)?.(error);
  return { emit, errors, exit, remove, listeners, stackMapper };
}

/** An error with a frame of the engine on its stack. */
function ownError(): unknown {
  try {
    const { log } = collectLog();
    createResourceRegistry(log).acquire(
      "a",
      () => {
        throw new Error("deep inside");
      },
      () => {},
    );
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("listenForStrayErrors", () => {
  it("ends the process with 1 after an exception of the engine itself", () => {
    const { emit, exit, errors } = start();
    emit("uncaughtException", ownError());
    expect(exit).toHaveBeenCalledExactlyOnceWith(1);
    expect(errors[0]).toMatchObject({ origin: "internal", fatal: true });
  });

  it("lives with a rejection of the engine itself, and logs it", () => {
    const { emit, exit, errors } = start();
    emit("unhandledRejection", ownError());
    expect(exit).not.toHaveBeenCalled();
    expect(errors[0]).toMatchObject({ origin: "internal" });
  });

  it("lives with what the config's code throws, and logs where", () => {
    const { emit, exit, errors, stackMapper } = start();
    const place = { file: "/a/proxy.config.ts", line: 3, column: 5 };
    vi.spyOn(stackMapper, "originOf").mockReturnValue({ generation: 4, place });
    emit("uncaughtException", ownError());
    expect(exit).not.toHaveBeenCalled();
    expect(errors[0]).toMatchObject({ origin: "config", generation: 4 });
  });

  it.each([
    ["text", "text"],
    ["null", null],
    ["undefined", undefined],
    ["an error of a package", Object.assign(new Error("x"), { stack: "Error: x\n at net.js" })],
    [
      "an object whose stack throws",
      {
        get stack(): string {
          throw new Error("no");
        },
      },
    ],
  ])("lives with %s", (_what, error) => {
    const { emit, exit, errors } = start();
    emit("uncaughtException", error);
    emit("unhandledRejection", error);
    expect(exit).not.toHaveBeenCalled();
    expect(errors.map((line) => line["origin"])).toEqual(["package", "package"]);
  });

  it("takes its listeners away again", () => {
    const { listeners, remove } = start();
    expect(listeners.size).toBe(2);
    remove();
    expect(listeners.size).toBe(0);
  });
});

describe("listenForSignals", () => {
  function startSignals(drain: () => Promise<void>) {
    const listeners = captureListeners();
    const actions = { reload: vi.fn(), drain: vi.fn(drain), exit: vi.fn(), onSignal: vi.fn() };
    const remove = listenForSignals(actions);
    const send = (signal: string): void => listeners.get(signal)?.(signal);
    return { ...actions, send, remove, listeners };
  }

  it("reloads on SIGHUP, drains once on SIGTERM or SIGINT and exits with 0", async () => {
    const { send, reload, drain, exit } = startSignals(() => Promise.resolve());
    send("SIGHUP");
    expect(reload).toHaveBeenCalledOnce();
    send("SIGTERM");
    await Promise.resolve();
    expect(drain).toHaveBeenCalledOnce();
    expect(exit).toHaveBeenCalledExactlyOnceWith(0);
  });

  it("exits with 1 on a second signal while the first still drains", () => {
    const { send, drain, exit } = startSignals(() => new Promise(() => {}));
    send("SIGTERM");
    expect(exit).not.toHaveBeenCalled();
    send("SIGINT");
    expect(drain).toHaveBeenCalledOnce();
    expect(exit).toHaveBeenCalledExactlyOnceWith(1);
  });

  it("exits with 1 when draining fails", async () => {
    const { send, exit } = startSignals(() => Promise.reject(new Error("no")));
    send("SIGTERM");
    await vi.waitUntil(() => exit.mock.calls.length > 0);
    expect(exit).toHaveBeenCalledExactlyOnceWith(1);
  });

  it("takes its listeners away again", () => {
    const { listeners, remove } = startSignals(() => Promise.resolve());
    expect([...listeners.keys()].toSorted()).toEqual(["SIGHUP", "SIGINT", "SIGTERM"]);
    remove();
    expect(listeners.size).toBe(0);
  });
});
