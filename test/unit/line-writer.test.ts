import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { createLineWriter } from "../../runtime/line-writer.ts";

const module = new URL("../../runtime/line-writer.ts", import.meta.url).href;

/** Node gives children sockets; a shell puts a pipe in between, here one whose reader first sleeps. */
const stalledPipe = ["sh", "-c", '"$@" | (sleep 1; cat)', "sh"];

function child(code: string, shell: readonly string[] = []): ReturnType<typeof spawn> {
  const source = `import { createLineWriter } from ${JSON.stringify(module)};\n${code}`;
  const command = [...shell, process.execPath, "--input-type=module", "-e", source];
  return spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
}

describe("createLineWriter", () => {
  it("writes lines in order to a file and loses none at the end of the process", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "gatewright-")), "log");
    const started = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { createLineWriter } from ${JSON.stringify(module)};
         const out = createLineWriter(1);
         for (let i = 0; i < 50_000; i++) out.write(i + "\\n");
         process.exit(0);`,
      ],
      { stdio: ["ignore", openSync(file, "w"), "inherit"] },
    );
    await once(started, "exit");
    expect(readFileSync(file, "utf8")).toBe(
      Array.from({ length: 50_000 }, (_, i) => `${i}\n`).join(""),
    );
  });

  it("loses no line into a pipe whose reader is slower than the writer, also at exit", async () => {
    const started = child(
      `const out = createLineWriter(1);
       for (let i = 0; i < 20_000; i++) out.write(i + " " + "x".repeat(100) + "\\n");
       process.exit(0);`,
    );
    let text = "";
    started.stdout!.setEncoding("utf8");
    for await (const chunk of started.stdout!) text += String(chunk);
    const lines = text.trimEnd().split("\n");
    expect(lines).toHaveLength(20_000);
    expect(lines.every((line, i) => line === `${i} ${"x".repeat(100)}`)).toBe(true);
  });

  it("survives a reader that goes away (EPIPE)", async () => {
    const started = child(
      `const out = createLineWriter(1);
       const timer = setInterval(() => { out.write("x".repeat(20_000) + "\\n"); }, 1);
       setTimeout(() => { clearInterval(timer); process.exitCode = 7; }, 300);`,
    );
    started.stdout!.destroy();
    const [code] = (await once(started, "exit")) as [number];
    expect(code).toBe(7);
  });

  it.runIf(process.platform === "linux").each(["socket", "pipe"])(
    "does not wait for a reader that stalls, bounds what it holds and says how much it gave up (%s)",
    async (kind) => {
      const started = child(
        `const out = createLineWriter(1);
         const line = "y".repeat(1_000) + "\\n";
         const t = performance.now();
         for (let i = 0; i < 20_000; i++) out.write(line);
         process.stderr.write(JSON.stringify({ ms: performance.now() - t, dropped: out.dropped }) + "\\n");
         setTimeout(() => {}, 1_500);`,
        kind === "pipe" ? stalledPipe : [],
      );
      const [report] = (await once(started.stderr!.setEncoding("utf8"), "data")) as [string];
      const { ms, dropped } = JSON.parse(report) as { ms: number; dropped: number };
      expect(ms).toBeLessThan(5_000);
      expect(dropped).toBeGreaterThan(10_000);
      let text = "";
      for await (const chunk of started.stdout!.setEncoding("utf8")) text += String(chunk);
      const lines = text.trimEnd().split("\n");
      const notice = JSON.parse(lines.at(-1)!) as Record<string, unknown>;
      expect(notice).toMatchObject({ level: "warn", count: dropped });
      expect(lines.length - 1 + dropped).toBe(20_000);
    },
  );

  it.runIf(process.platform === "linux")(
    "says at the end of the process how much it gave up, when the reader wakes only then",
    async () => {
      const started = child(
        `const out = createLineWriter(1);
         const line = "y".repeat(1_000) + "\\n";
         for (let i = 0; i < 20_000; i++) out.write(line);
         process.exit(0);`,
        ["sh", "-c", '"$@" | (sleep 0.3; cat)', "sh"],
      );
      let text = "";
      for await (const chunk of started.stdout!.setEncoding("utf8")) text += String(chunk);
      const lines = text.trimEnd().split("\n");
      const { count } = JSON.parse(lines.at(-1)!) as { count: number };
      expect(lines.length - 1 + count).toBe(20_000);
    },
  );

  it("writes what it holds within 100 ms without being asked", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "gatewright-")), "log");
    const writer = createLineWriter(openSync(file, "w"));
    writer.write("a\n");
    await expect.poll(() => readFileSync(file, "utf8"), { timeout: 5_000 }).toBe("a\n");
    writer.close();
  });
});
