import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { LoadedConfig } from "../../runtime/config/load.ts";
import {
  createConfigProject,
  createTestLoader,
  expectFailed,
  expectLoaded,
} from "../helpers/config-project.ts";
import type { ConfigProject, TestLoader } from "../helpers/config-project.ts";

let project: ConfigProject;
let loader: TestLoader;

beforeEach(async () => {
  project = await createConfigProject();
  loader = createTestLoader(project.file, { limits: { topLevelMs: 150, settleMs: 150 } });
});

afterEach(async () => {
  Reflect.deleteProperty(globalThis, "ticks");
  await loader.close();
  await project[Symbol.asyncDispose]();
});

/** Loads a config whose `onRequest` is the given expression, after the given lines. */
async function load(lines: string, onRequest = "() => {}"): Promise<LoadedConfig> {
  await project.write("proxy.config.ts", `${lines}\nexport default { onRequest: ${onRequest} };`);
  return expectLoaded(await loader.load());
}

async function failure(text: string): Promise<ReturnType<typeof expectFailed>> {
  await project.write("proxy.config.ts", text);
  return expectFailed(await loader.load());
}

const call = (loaded: LoadedConfig): unknown => (loaded.config.hooks.onRequest as () => unknown)();
const ticks = (): number => (globalThis as unknown as { ticks: number }).ticks;

describe("time limits", () => {
  it("stops an endless loop at top level, and in what it calls", async () => {
    for (const text of ["while (true);", "const spin = () => { for (;;); }; spin();"]) {
      const report = await failure(`${text}\nexport default {};`);
      expect(report.stage).toBe("evaluate");
      expect(report.issues[0]?.message).toContain("still busy after 150 ms");
    }
  });

  it("stops an endless loop in the synchronous part of a factory", async () => {
    const report = await failure("export default () => { while (true); };");
    expect(report.issues[0]?.message).toContain("still busy");
  });

  it("gives up on a promise that never settles (PUB-41)", async () => {
    const report = await failure("export default new Promise(() => {});");
    expect(report.issues[0]?.message).toBe(
      "The promise of the config did not settle within 150 ms.",
    );
  });

  it("gives up on a factory whose promise never settles", async () => {
    const report = await failure("export default async () => { await new Promise(() => {}); };");
    expect(report.issues[0]?.message).toContain("did not settle");
  });

  it("leaves nothing of itself on the global object", async () => {
    const before = Reflect.ownKeys(globalThis);
    await load("");
    await failure("throw new Error();");
    expect(Reflect.ownKeys(globalThis)).toEqual(before);
  });
});

describe("the generation's own timers", () => {
  it("are cleared when it retires, and new ones are refused (PUB-42)", async () => {
    const { slot } = await load(
      `import { setInterval as every } from "node:timers";
       globalThis.ticks = 0;
       const tick = () => { globalThis.ticks += 1; };
       setInterval(tick, 5); every(tick, 5);
       (function again() { tick(); setTimeout(again, 5); })();
       (function soon() { setImmediate(soon); })();
       process.on("SIGWINCH", tick);`,
    );
    await expect.poll(ticks).toBeGreaterThan(5);
    slot.retire();
    const before = ticks();
    process.emit("SIGWINCH");
    await delay(60);
    expect(ticks()).toBe(before);
    expect(process.listenerCount("SIGWINCH")).toBe(0);
  });

  it("are cleared when they were started in a factory after an await, or in the background by setup", async () => {
    await project.write(
      "proxy.config.ts",
      `import { setTimeout as sleep } from "node:timers/promises";
       globalThis.ticks = 0;
       export default async () => {
         await sleep(1);
         const loop = async () => { while (true) { globalThis.ticks += 1; await sleep(2); } };
         void loop();
         return { onRequest: () => { void loop(); } };
       };`,
    );
    const loaded = expectLoaded(await loader.load());
    loaded.slot.runInBackground(() => call(loaded));
    await expect.poll(ticks).toBeGreaterThan(5);
    loaded.slot.retire();
    const before = ticks();
    await delay(60);
    expect(ticks()).toBe(before);
  });

  it("go on for hooks in flight: what waits between two chunks must not hang for ever", async () => {
    const loaded = await load(
      "",
      "async () => { for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 5)); return 'done'; }",
    );
    const inFlight = call(loaded);
    loaded.slot.retire();
    await expect(inFlight).resolves.toBe("done");
    await expect(call(loaded)).resolves.toBe("done");
  });

  it("that a hook started do not tick on after it retires", async () => {
    const loaded = await load(
      "globalThis.ticks = 0;",
      "() => { setInterval(() => globalThis.ticks++, 2); (function again() { globalThis.ticks++; setTimeout(again, 2); })(); }",
    );
    call(loaded);
    await expect.poll(ticks).toBeGreaterThan(5);
    loaded.slot.retire();
    await delay(20);
    const before = ticks();
    await delay(60);
    expect(ticks()).toBe(before);
    call(loaded);
    await delay(20);
    expect(ticks()).toBe(before + 2);
    expect(
      loader.logs.lines.filter((line) => line.msg?.includes("was refused")).length,
    ).toBeGreaterThan(0);
  });

  it("log what they throw with its place, and kill nothing (PUB-45)", async () => {
    await load(
      `setTimeout(() => { throw new Error("in a timer"); }, 1);
       setImmediate(async () => { throw new Error("in a promise"); });
       queueMicrotask(() => { throw new Error("in a microtask"); });
       process.nextTick(() => { throw null; });`,
    );
    for (const [text, at] of [
      ["in a timer", "proxy.config.ts:1:26"],
      ["in a promise", "proxy.config.ts:2:41"],
      ["in a microtask", "proxy.config.ts:3:37"],
    ] as const) {
      const line = await loader.logs.line((one) => String(one["error"]).includes(text));
      expect(String(line["at"]).endsWith(at), String(line["at"])).toBe(true);
      expect(line["generation"]).toBe(1);
    }
    const line = await loader.logs.line((one) => String(one["error"]).includes("null"));
    expect(line.msg).toContain("process.nextTick");
  });

  it("can be cleared by the timer, by its number, and before they fire", async () => {
    await load(
      `globalThis.ticks = 0;
       const tick = () => globalThis.ticks++;
       clearTimeout(setTimeout(tick, 2)); clearTimeout(+setTimeout(tick, 2)); clearInterval(setInterval(tick, 2));
       clearImmediate(setImmediate(tick)); clearTimeout(undefined);`,
    );
    await delay(20);
    expect(ticks()).toBe(0);
  });

  it("work as Node's do: arguments, promisify, abort signals, async iteration", async () => {
    await project.write(
      "proxy.config.ts",
      `import { promisify } from "node:util";
       import timers, { setInterval as every, scheduler } from "node:timers/promises";
       export default async () => {
         const redact = [await new Promise((resolve) => setTimeout(resolve, 1, "argument"))];
         redact.push(await promisify(setTimeout)(1, "promisified"), await timers.setImmediate("immediate"));
         for await (const value of every(1, "tick")) { redact.push(value); break; }
         await scheduler.wait(1); await scheduler.yield();
         const abort = new AbortController();
         const wait = timers.setTimeout(1000, 0, { signal: abort.signal });
         abort.abort();
         redact.push(await wait.catch((error) => error.name));
         return { onRequest() {}, log: { redact } };
       };`,
    );
    expect(expectLoaded(await loader.load()).config.log.redact).toEqual([
      "argument",
      "promisified",
      "immediate",
      "tick",
      "AbortError",
    ]);
  });
});

describe("process and console", () => {
  it.each([
    "exit(0)",
    "abort()",
    "reallyExit(1)",
    "chdir('/')",
    "kill(process.pid)",
    "exitCode = 3",
  ])("refuses process.%s with a message", async (text) => {
    const before = process.exitCode;
    const report = await failure(`process.${text};\nexport default {};`);
    expect(report.issues[0]?.message).toContain(`process.${/^\w+/.exec(text)?.[0]}`);
    expect(report.issues[0]?.place?.line).toBe(1);
    expect(process.exitCode).toBe(before);
  });

  it("refuses process.exit in a hook too, and from node:process", async () => {
    const loaded = await load('import { exit } from "node:process";', "() => exit(0)");
    expect(() => call(loaded)).toThrow(/process\.exit\(\) is not for a config/);
  });

  it("leaves the rest of process as it is", async () => {
    const loaded = await load(
      "",
      "() => [process.pid, process.env.PATH, process.cwd(), typeof process.hrtime.bigint(), process.kill(process.pid, 0)]",
    );
    expect(call(loaded)).toEqual([process.pid, process.env["PATH"], process.cwd(), "bigint", true]);
  });

  it("removes the listeners that user code added, and only those", async () => {
    const own = (): void => {};
    process.on("SIGUSR2", own);
    const { slot } = await load(
      `const f = () => {}; process.on("SIGUSR2", f).once("SIGUSR2", f); process.addListener("SIGUSR2", () => { throw new Error("in a listener"); });
       process.off("SIGUSR2", f); process.removeAllListeners("SIGWINCH");`,
    );
    expect(process.listenerCount("SIGUSR2")).toBe(3);
    process.emit("SIGUSR2");
    await loader.logs.line((line) => String(line["error"]).includes("in a listener"));
    slot.retire();
    expect(process.listeners("SIGUSR2")).toEqual([own]);
    process.off("SIGUSR2", own);
  });

  it("writes console lines to the log with level and generation", async () => {
    await load(
      `console.log("a %s", "b", { c: 1 }); console.warn("w"); console.error(new Error("e")); console.debug("d"); console.table([{ x: 1 }]); console.assert(false, "asserted");`,
    );
    const lines = loader.logs.lines.filter((line) => line["source"] === "console");
    expect(lines.map((line) => [line.level, line.msg?.split("\n")[0], line["generation"]])).toEqual(
      [
        ["info", "a b { c: 1 }", 1],
        ["warn", "w", 1],
        ["error", "Error: e", 1],
        ["debug", "d", 1],
        ["info", expect.stringContaining("┌"), 1],
        ["error", "Assertion failed: asserted", 1],
      ],
    );
    expect(lines[2]?.msg).toContain(`${project.file}:1:`);
  });
});

describe("stacks", () => {
  it("are mapped to the .ts lines of each generation that lives", async () => {
    const first = await load(
      "// one line\nconst fail = () => { throw new Error('one'); };",
      "() => fail()",
    );
    const second = await load(
      "\n\n\nconst fail = () => { throw new Error('two'); };",
      "() => fail()",
    );
    const errorOf = (loaded: LoadedConfig): unknown => {
      try {
        return call(loaded);
      } catch (error) {
        return error;
      }
    };
    const [one, two] = [errorOf(first), errorOf(second)];
    expect(loader.stackMapper.originOf(one)).toEqual({
      generation: 1,
      place: { file: project.file, line: 2, column: 28 },
    });
    expect(loader.stackMapper.originOf(two)).toMatchObject({ generation: 2, place: { line: 4 } });
    const description = loader.stackMapper.describeError(one);
    expect(description.message).toBe("Error: one");
    expect(description.stack).toContain(`${project.file}:2:28`);
    expect(description.stack).not.toMatch(/gatewright-slot|node:internal/);
    expect(description.frame).toContain("> 2 | const fail");

    first.slot.dispose();
    expect(loader.stackMapper.originOf(one)).toBeUndefined();
    expect(loader.stackMapper.originOf(two)).toBeDefined();
  });

  it("have the right column on a first line that the compiler put names before", async () => {
    const loaded = await load(
      "const here = import.meta.dirname; const fail = () => { throw new Error(here); };",
      "() => fail()",
    );
    expect(() => call(loaded)).toThrow(project.dir);
    try {
      call(loaded);
    } catch (error) {
      const { place, frame } = loader.stackMapper.describeError(error);
      expect(place).toEqual({ file: project.file, line: 1, column: 62 });
      expect(frame).toContain("> 1 | const here = import.meta.dirname;");
    }
  });

  it("lead to the imported file, through causes, and say where an async hook failed", async () => {
    await project.write(
      "lib/deep.ts",
      "export async function deep() {\n  await null;\n  throw new Error('outer', { cause: new TypeError('inner') });\n}\n",
    );
    const loaded = await load(
      'import { deep } from "./lib/deep.ts";',
      "async () => { await deep(); }",
    );
    const error: unknown = await (call(loaded) as Promise<void>).catch((reason: unknown) => reason);
    expect(loader.stackMapper.originOf(error)?.place).toEqual({
      file: project.path("lib/deep.ts"),
      line: 3,
      column: 9,
    });
    const fields = loader.stackMapper.errorFields(error);
    expect(fields.error).toBe("Error: outer");
    expect(fields.stack).toContain("caused by: TypeError: inner");
    expect(fields.stack).toContain(`${project.file}:2:`);
  });

  it("do not make errors of the engine the user's", () => {
    expect(loader.stackMapper.originOf(new Error("ours"))).toBeUndefined();
    for (const value of [
      null,
      undefined,
      "text",
      5,
      {},
      Object.create(null),
      new Proxy(
        {},
        {
          get() {
            throw new Error();
          },
        },
      ),
    ]) {
      expect(loader.stackMapper.originOf(value)).toBeUndefined();
      expect(typeof loader.stackMapper.describeError(value).message).toBe("string");
    }
  });

  it("name an unhandled rejection's origin (PUB-45)", async () => {
    const loaded = await load("", "() => { void Promise.reject(new Error('nobody waits')); }");
    const listeners = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    try {
      const rejected = once(process, "unhandledRejection");
      call(loaded);
      const [reason] = await rejected;
      expect(loader.stackMapper.originOf(reason)).toMatchObject({
        generation: 1,
        place: { line: 2 },
      });
    } finally {
      for (const listener of listeners) process.on("unhandledRejection", listener);
    }
  });
});
