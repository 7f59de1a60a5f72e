import {
  BACKSLASH,
  BREAK,
  characterClasses,
  DASH,
  isDigitCode,
  isLetterCode,
  isSpaceCode,
  LETTER,
  PERCENT,
  PIPE,
  PLUS,
  SEMICOLON,
  SLASH,
  SPACE,
  EQUAL,
  PAREN,
  literalGroup,
  literalGroups,
  spaced,
} from "./characters.ts";
import { sign, type Finding } from "./finding.ts";
import { isMentioned } from "./prose.ts";
import { ALIASES, CMDLET, CMDLET_NOUNS, Names, WINDOWS, WINDOWS_WORDY } from "./shell-words.ts";

// The same for cmd.exe and PowerShell: case does not count, carets and quotes inside a name
// vanish, options begin with a slash, variables stand between percent signs.

const VARIABLE =
  /%[a-z]{2,30}:~-?\d|%(?:systemroot|comspec|systemdrive|windir|programfiles|programdata|userprofile|appdata|localappdata|temp|tmp|pathext|username|computername|cd|errorlevel)(?:%|:)/i;
const ARGUMENT =
  /^(?:con\s|print\s{0,4}(?:$|[&|])|\/[a-z?]{1,12}(?:$|[\s:&|"])|-{1,2}[a-z]|[+-][rhsa]\s|[a-z]:[\\/]|\\\\|%|https?:|\.{1,2}\\|\d{1,3}(?:\.\d{1,3}){3}|[\w-]{1,40}\.(?:exe|dll|bat|cmd|ps1|vbs|hta|txt|ini|sct|js|log|xml)\b|hk(?:lm|cu|ey_)|["'][a-z]:|<|>|\(new-object|@)/i;
const SPECIFIC =
  /\b(?:cmd(?:\.exe)?\s{1,4}\/[ckr]\b|powershell(?:\.exe)?\s{1,4}(?:-[a-z]|(?:iwr|irm|iex|gci)\s|(?:add|clear|convert|copy|enable|disable|expand|export|find|get|import|install|invoke|move|new|out|read|receive|register|remove|rename|resolve|restart|resume|select|send|set|show|start|stop|suspend|test|unblock|update|wait|write)-[a-z]{3,20}\b|[a-z]:\\|["'&{$]|\((?:[a-z]{2,12}-[a-z]|[$["'&]))|net1?\s{1,4}(?:user|localgroup|view|share|use|accounts|start|stop|group)\b(?=\s{0,4}(?:$|[/\\&|"]|\w{1,20}\s{1,4}(?:\/|\w{1,30}\s{0,4}\/)))|sc(?:\.exe)?\s{1,4}(?:query|create|config|start|stop|delete|qc)(?:\s|$)|reg(?:\.exe)?\s{1,4}(?:add|query|save|export|delete)\s{1,4}["']?hk|certutil(?:\.exe)?\s{1,4}-|mshta(?:\.exe)?\s{1,4}["']?(?:https?|javascript|vbscript):|rundll32(?:\.exe)?\s{1,4}[\w.:\\/-]{2,80}[,\s]|regsvr32(?:\.exe)?\s{1,4}\/|wmic(?:\.exe)?\s{1,4}(?:process|os|useraccount|\/)|vssadmin\s{1,4}(?:delete|list)|bitsadmin\s{1,4}\/|invoke-(?:expression|webrequest|restmethod|command|mimikatz)\b\s?[-$("'h\w]|downloadstring\s?\(|downloadfile\s?\(|\biex\s{0,4}\(|new-object\s{1,4}(?:system\.)?net\.|set\s{1,4}\/a\s{1,4}["(]?\s?\d{1,10}\s?[*+-]|wscript\.shell|shell\.application)/i;
const LOOP =
  /\bfor(?:\s{1,16}\/[dflr]{1,2}){0,6}\s{1,16}(?:["'][^"']{0,60}["']\s{1,16}|[a-z]:\\[\w\\]{0,60}\s{1,16})?%{1,2}\S{0,20}\s{1,16}in\s{1,16}\([^)]{0,400}\)?\s{0,16}do\b|\bfor\s{1,16}\/[dflr]\s{1,16}\S{1,60}\s{1,16}%{1,2}\S{0,20}\s{1,16}in\s?\(/i;
const CONDITION =
  /(?:^|[&|(;\n]|\bdo\s)\s{0,16}if(?:\s{0,16}\/i)?(?:\s{1,16}not)?\s{1,16}(?:exist\s{1,16}["'(]?[\w.:\\%*-]{2,120}["')]?\s{1,16}(?:\(|[a-z]{2,12}\b)|(?:not\s{1,16})?defined\s{1,16}[a-z_]\w{0,40}\s{1,16}(?:\(|set\b|cmd\b|echo\b|goto\b|[a-z]{2,8}\s)|(?:errorlevel|cmdextversion)\s{1,16}\d|[^\s=<>!]{0,60}(?:\s[^\s=<>!]{1,30}["')\]]){0,1}\s{0,16}={2,3}\s{0,16}[^\s=]{1,60}(?:\s[^\s=]{1,30}["')\]]){0,1}(?:\s{1,16}(?:\(|@?[a-z]{2,12}\b|\.{3})|$)|\S{1,60}\s{1,16}(?:equ|neq|lss|leq|gtr|geq)\s{1,16}["'([%\\]?\S{0,60})/i;

const SPECIFIC_WORDS = literalGroup([
  "cmd ",
  "cmd.",
  "ershell",
  "net ",
  "netsh",
  "net1",
  " sc ",
  "sc.exe",
  "reg ",
  "reg.",
  "tutil",
  "mshta",
  "dll32",
  "svr32",
  "wmic",
  "ssadmin",
  "tsadmin",
  "oke-",
  "nloadS",
  "nloadF",
  "iex ",
  "iex(",
  "new-",
  "set ",
  "ript.s",
  "ll.app",
]);

const IF = /\bif\b/i;
/** What netsh is asked to change or to show. */
const FIREWALL =
  /^netsh(?:\.exe)?\s{1,4}(?:adv)?(?:firewall|interface|int|wlan|winhttp|http|dump|lan|ras|ipsec)\s{1,4}(?:add|delete|set|show|reset|import|export|dump|\w{1,20}\s{1,4}(?:add|set|show|reset)|\w{1,20}\s{1,4}\w{1,20}\s{1,4}=?\w)/i;
/** Of which a condition holds one, unless it compares with equals signs. */
const CONDITION_WORDS = literalGroup([
  ..."exist defined errorlevel cmdextversion".split(" "),
  ..."equ_ neq_ lss_ leq_ gtr_ geq_".split(" ").flatMap(spaced),
]);

/** Programs that take words as arguments and that no sentence names. */
const STRONG =
  /^(?:netsh|wmic|schtasks|vssadmin|nbtstat|bcdedit|bitsadmin|certutil|cscript|dsquery|wevtutil|qwinsta|reg|net1?)$/;

/** Of which a value of words alone holds one where {@link detectWindowsShell} finds something in it. */
export const WINDOWS_WORDS = SPECIFIC_WORDS | CMDLET_NOUNS | CONDITION_WORDS;

/** Of which a plain URL holds one where {@link detectWindowsShell} finds something in it. */
export const WINDOWS_URL_WORDS = SPECIFIC_WORDS | CMDLET_NOUNS;

const SIGNS = DASH | PIPE | SEMICOLON | PERCENT | BACKSLASH | EQUAL | PAREN | SLASH | BREAK;

/** Commands for cmd.exe and PowerShell. */
export function detectWindowsShell(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if ((classes & LETTER) === 0) return undefined;
  if ((classes & (SPACE | PIPE | SEMICOLON | PERCENT | BACKSLASH | BREAK | PLUS)) === 0)
    return undefined;
  const groups = literalGroups(value);
  const mayBeCondition =
    (groups & CONDITION_WORDS) !== 0 || ((classes & EQUAL) !== 0 && value.includes("=="));
  if ((classes & SIGNS) === 0 && !value.startsWith("netsh")) {
    // Nothing but words and a condition.
    const mayBeNamed =
      mayBeCondition || (classes & PLUS) !== 0 || (groups & (SPECIFIC_WORDS | CMDLET_NOUNS)) !== 0;
    if (!mayBeNamed || !IF.test(value)) return undefined;
  }
  const found =
    ((groups & SPECIFIC_WORDS) !== 0 ? sign(value, SPECIFIC, "windows-command") : undefined) ??
    ((classes & PERCENT) === 0
      ? undefined
      : (variable(value) ?? sign(value, LOOP, "windows-loop"))) ??
    ((groups & CMDLET_NOUNS) === 0 ? undefined : cmdlet(value)) ??
    (mayBeCondition && IF.test(value) ? condition(value) : undefined);
  if (found !== undefined) return found;
  return (
    ((classes & (PIPE | SEMICOLON)) !== 0 ||
    ((classes & BREAK) !== 0 && value.length <= LONGEST_LINES)
      ? scan(value)
      : undefined) ?? atStart(value)
  );
}

// "I deleted %APPDATA%\\Shop and it works again": a folder that a sentence names
function variable(value: string): Finding | undefined {
  const found = sign(value, VARIABLE, "windows-variable");
  if (found === undefined || value.charAt(found.end - 1) !== "%") return found;
  const before = value.slice(Math.max(0, found.start - 40), found.start);
  const isCommand =
    /(?:^|[;|&\n(])\s{0,4}\w{2,24}(?:\.exe)?\s{1,4}["']?$|\b(?:type|echo|dir|cd|del|copy|more|start|set|ping|call)\s{1,4}["']?$/i.test(
      before,
    ) || /[&|]/.test(value);
  return !isCommand && isMentioned(value, found.start, found.end) ? undefined : found;
}

// "if x == y" is also Python, and a formula in a text
function condition(value: string): Finding | undefined {
  const found = sign(value, CONDITION, "windows-condition");
  if (found === undefined || value.length > 400) return undefined;
  const text = value.slice(found.start, found.end);
  // if (count == 0) …: C and its kin; for cmd.exe the bracket would belong to the text
  const bracket = value.indexOf("(", found.start);
  const inside = bracket < 0 ? "" : value.slice(bracket, bracket + 160);
  if (
    /\bif\s{0,16}$/i.test(value.slice(Math.max(0, bracket - 24), bracket)) &&
    (/^\([^()=]{0,80}={2,3}[^()=]{0,80}\)/.test(inside) ||
      /^\(\w{1,40}\([^()]{0,60}\)\s?={2,3}/.test(inside))
  )
    return undefined;
  return /={2,3}/.test(text) &&
    /:\s{0,4}(?:\n|$)|\belif\b|\bthen\b|[;{]\s{0,4}$|&&|\|\|/.test(value) &&
    !/[%@]/.test(value.slice(found.start, found.end + 40))
    ? undefined
    : found;
}

function cmdlet(value: string): Finding | undefined {
  const found = sign(value, CMDLET, "cmdlet");
  if (found === undefined) return undefined;
  const after = value.slice(found.end, found.end + 24);
  const before = value.slice(Math.max(0, found.start - 3), found.start);
  return /^\s{1,4}(?:-[a-z]|["'$(]|https?:|[a-z]:\\|\||\\\\|\d)|^\s{0,4}[|;)]/i.test(after) ||
    /^$|[;|&(]\s{0,2}$/.test(before)
    ? found
    : undefined;
}

/** What {@link scan} stops at. */
const IS_SEPARATOR = new Uint8Array(0x7d);
for (const character of ";|&\n") IS_SEPARATOR[character.charCodeAt(0)] = 1;

/** A longer value with a line end in it is a text. */
const LONGEST_LINES = 48;

function scan(value: string): Finding | undefined {
  // A line of its own in a short value: a name in one of many lines is a text's.
  const isShort = value.length <= LONGEST_LINES;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code > 0x7c || IS_SEPARATOR[code] === 0) continue;
    const isLine = code === 0x0a;
    if (isLine && !isShort) continue;
    let from = at + 1;
    // "+" is a space that was encoded twice
    while (
      from < value.length &&
      (value.charCodeAt(from) === code ||
        value.charCodeAt(from) === 0x2b ||
        isSpaceCode(value.charCodeAt(from)))
    )
      from++;
    if (judge(value, from, code === 0x3b || isLine))
      return { sign: "windows-command", start: at, end: Math.min(value.length, from + 60) };
    at = from - 1;
  }
  return undefined;
}

const NAMES = new Names(WINDOWS, ALIASES);
const LONGEST_NAME = 40;

/** False: no name of a program stands here, plain or cut by carets and quotes. */
function mayBeProgram(value: string, from: number): boolean {
  let at = from;
  while (at < from + 3 && isMark(value.charCodeAt(at))) at++;
  const first = value.charCodeAt(at);
  const second = value.charCodeAt(at + 1);
  // The colon of a drive
  if (second === 0x3a) return true;
  let last = 0;
  let end = at;
  for (; end <= at + LONGEST_NAME; end++) {
    const code = value.charCodeAt(end);
    if (code === 0x5e || code === 0x22) return true;
    if (!isLetterCode(code) && !isDigitCode(code) && code !== 0x5f) break;
    last = code;
  }
  return end - at > 1 && NAMES.mayHave(first, second, last, end - at);
}

// " ' @ (
function isMark(code: number): boolean {
  return code === 0x22 || code === 0x27 || code === 0x40 || code === 0x28;
}

function judge(value: string, from: number, semicolon: boolean): boolean {
  if (!mayBeProgram(value, from)) return false;
  const match =
    /^["'@(]{0,3}(?:[a-z]:\\[\w\\]{0,60}\\)?([a-z0-9_^"]{2,40})(?:\.exe|\.com|\.cmd)?/i.exec(
      value.slice(from, from + 120),
    );
  if (match === null) return false;
  const name = match[1]!.replace(/[\^"]/g, "").toLowerCase();
  if (!WINDOWS.has(name)) {
    return (
      ALIASES.has(name) &&
      ARGUMENT.test(
        value
          .slice(from + match[0].length)
          .trimStart()
          .slice(0, 80),
      )
    );
  }
  if (/[\^]/.test(match[1]!)) return true;
  let rest = value.slice(from + match[0].length, from + match[0].length + 100);
  if (rest.startsWith("+")) rest = rest.replaceAll("+", " ");
  if (rest.startsWith("=") || rest.startsWith(":")) return false;
  const trimmed = rest.trimStart().slice(0, 80);
  if (STRONG.test(name) && trimmed !== rest && /^[a-z]{3,12}\s/.test(trimmed)) return true;
  if (ARGUMENT.test(trimmed))
    return (
      !(trimmed.startsWith("<") && /^<\/?[a-z]+[\s>]/i.test(trimmed)) &&
      (!WINDOWS_WORDY.has(name) || rest !== trimmed || trimmed.startsWith("/"))
    );
  if (WINDOWS_WORDY.has(name)) return name === "dir" && trimmed === "" && !semicolon && from < 24;
  return (
    (trimmed === "" || /^[&|;"']/.test(trimmed)) &&
    !semicolon &&
    !/[a-z]{2}\s{0,2}[|&]{1,2}\s{0,2}$/i.test(value.slice(0, from))
  );
}

function atStart(value: string): Finding | undefined {
  if (value.length < 100 && value.includes("+") && !value.includes(" "))
    return atStart(value.replaceAll("+", " ").trimStart());
  if (!mayBeProgram(value, 0) || !/^["'@(]?[a-z]/i.test(value) || value.length > 2000)
    return undefined;
  if (FIREWALL.test(value))
    return { sign: "windows-command", start: 0, end: Math.min(value.length, 40) };
  const match = /^["'@(]?([a-z0-9_^]{2,24})(?:\.exe)?\s{1,4}/i.exec(value);
  if (match === null) return undefined;
  const name = match[1]!.replaceAll("^", "").toLowerCase();
  if (!WINDOWS.has(name)) return undefined;
  const rest = value.slice(match[0].length, match[0].length + 100);
  const told = WINDOWS_WORDY.has(name)
    ? /^(?:\/[a-z]\s|[a-z]:(?:[\\/]|\s{0,4}\|)|\\\\|%\w{1,24}%)/i.test(rest)
    : /^(?:\/[a-z?]{1,12}(?:\s|$)|[a-z]:(?:[\\/]|\s{0,4}\|)|\\\\|%|-urlcache)/i.test(rest);
  return told
    ? { sign: "windows-command", start: 0, end: Math.min(value.length, match[0].length + 40) }
    : undefined;
}
