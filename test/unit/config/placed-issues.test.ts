import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { withPlaces } from "../../../runtime/config/placed-issues.ts";

const SOURCE = `import { defineConfig } from "@gatewright/sdk";

export default defineConfig({
  listen: { port: 443, tls: { certificates: [{ cert: "a.pem", key: "b.key" }] } },
});
`;

function file(): string {
  const dir = mkdtempSync(join(tmpdir(), "gatewright-places-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, "proxy.config.ts"), SOURCE);
  return join(dir, "proxy.config.ts");
}

it("shows where an option stands that could not be put to work", () => {
  const path = "listen[0].tls.certificates[0].cert";
  const [issue] = withPlaces([{ path, message: "It cannot be read." }], file());
  expect(issue?.place).toMatchObject({ line: 4 });
  expect(issue?.frame).toContain(
    '> 4 |   listen: { port: 443, tls: { certificates: [{ cert: "a.pem"',
  );
});

it("leaves places that are known, and issues without a path, as they are", () => {
  const known = { path: "listen", message: "", place: { file: "x.ts", line: 1, column: 1 } };
  const whole = { path: "", message: "It does not run." };
  const odd = { path: "nowhere to be found", message: "" };
  expect(withPlaces([known, whole, odd], file())).toEqual([known, whole, odd]);
});

it("says no place of a file that is gone", () => {
  const issues = [{ path: "listen", message: "" }];
  expect(withPlaces(issues, "/nonexistent/proxy.config.ts")).toEqual(issues);
});
