import { describe, expect, it } from "vitest";

import { wholePath } from "../../../../../runtime/primitives/waf/detect/path-whole.ts";

describe("wholePath", () => {
  it.each([
    ["/etc/hostid", "system-file"],
    ["//etc/mail/access", "system-file"],
    ["/var/spool/x", "system-file"],
    ["/boot/grub/x.cfg", "system-file"],
    ["/usr/sbin/x.pl", "system-file"],
    ["/usr/bin/x", "system-file"],
    ["/root/x.log", "system-file"],
    ["/.profile", "system-file"],
    ["c:\\mysql\\x", "windows-file"],
    ["D:/Program Files (x86)/Apache Group/x", "windows-file"],
    ["c:windowsx.ini", "windows-file"],
    ["/..../x", "dots"],
    ["......etcx", "dots"],
    ["file:.....etcx", "dots"],
    ["/./././x", "dots"],
    ["./\\./x", "dots"],
    ["convert.iconv.A.B", "filter"],
    [`/${"q".repeat(200)}..x`, "filler"],
    [`/${"q".repeat(2000)}..x`, "filler"],
  ])("says of %j alone that it is a %s", (value, sign) => {
    expect(wholePath(value)).toBe(sign);
  });

  it.each([
    "",
    "/",
    "/etc",
    "/etc/designs/shop",
    "/etc.clientlibs/a.js",
    "/etc/hostid is a file",
    "/var/www/html",
    "/boot/red",
    "/root",
    "/binding/x",
    "./src/./x",
    ".../x",
    "...",
    "....",
    "..... and then?",
    "C:\\Users\\me\\php\\x",
    "c:windows",
    "convert.base64",
    `/${"qr".repeat(200)}`,
    `/${"-".repeat(200)}`,
  ])("says nothing of %j", (value) => {
    expect(wholePath(value)).toBeUndefined();
  });
});
