import { isSpaceCode } from "./characters.ts";

// Commands without a name at their position: a file of commands, a variable that was set to a
// name, a path whose names the shell is left to guess.

const DIRECTORIES = ["bin", "usr", "sbin"];
const WILD_PATH = /^(?:\/[a-z0-9?*[\]!^-]{1,16}){2,5}/;

export function namelessCommand(value: string, at: number, from: number): string | undefined {
  let start = from;
  while (start < from + 8 && isSpaceCode(value.charCodeAt(start))) start++;
  switch (value.charCodeAt(start)) {
    case 0x2e:
      return isSpaceCode(value.charCodeAt(start + 1)) &&
        /^\.\s{1,4}[/~]/.test(value.slice(start, start + 8))
        ? "source"
        : undefined;
    case 0x24:
      return isAssigned(value, at, start) ? "assigned-command" : undefined;
    case 0x2f:
      return isGuessed(value.slice(start, start + 100)) ? "guessed-program" : undefined;
    default:
      return undefined;
  }
}

// a=i;b=d;$a$b: languages that write $a at its assignment, too, are no shells
function isAssigned(value: string, at: number, start: number): boolean {
  const name = /^\$\{?([A-Za-z_]\w{0,20})/.exec(value.slice(start, start + 24))?.[1];
  if (name === undefined) return false;
  const before = value.slice(Math.max(0, at - 200), at);
  const assignment = before.lastIndexOf(`${name}=`);
  if (assignment < 0 || /^\w{1,21}=(?:[\s=]|$)/.test(before.slice(assignment))) return false;
  return assignment === 0 ? at <= 200 : /[\s;|&(]/.test(before.charAt(assignment - 1));
}

// /b*/ech[o], /usr/bin/i?
function isGuessed(text: string): boolean {
  const path = WILD_PATH.exec(text)?.[0];
  if (path === undefined || !/[?*[]/.test(path)) return false;
  const after = text.charCodeAt(path.length);
  if (!Number.isNaN(after) && !isSpaceCode(after) && !";|&\"'`)<>".includes(text[path.length]!))
    return false;
  const parts = path.split("/");
  const program = parts.at(-1)!;
  return (
    /[a-z0-9][?*[]|[?*\]][a-z0-9]/.test(program) &&
    DIRECTORIES.some((name) => globMatches(parts[1]!, name))
  );
}

/** `?`, `*` and `[…]`; what stands in brackets is not looked at. */
function globMatches(pattern: string, text: string): boolean {
  const marks = pattern.replace(/\[[^\]]{0,16}\]/g, "?");
  let mark = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    if (mark < marks.length && (marks[mark] === "?" || marks[mark] === text[at])) {
      mark++;
      at++;
    } else if (marks[mark] === "*") {
      star = mark++;
      starAt = at;
    } else if (star >= 0) {
      mark = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (marks[mark] === "*") mark++;
  return mark === marks.length;
}
