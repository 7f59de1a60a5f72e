import {
  BACKSLASH,
  BRACE,
  BRACKET,
  BREAK,
  characterClasses,
  DASH,
  DOLLAR,
  EQUAL,
  isDigitCode,
  isLetterCode,
  isSpaceCode,
  isWordCode,
  LESS,
  LETTER,
  PIPE,
  QUESTION,
  QUOTE,
  SEMICOLON,
  SLASH,
  SPACE,
  STAR,
  literalGroup,
  literalGroups,
} from "./characters.ts";
import { sign, type Finding } from "./finding.ts";
import { TECHNICAL, WORDY } from "./shell-words.ts";

// Longer than 300 lines: one reader of command positions and the judgements on what stands there.
//
// A command injection must reach a place where the shell expects a command: after a separator,
// inside a substitution, or at the very start. The word there is read as the shell reads it
// (quotes, backslashes and empty variables inside a name vanish), and judged by how much it and
// its arguments look like a command rather than a sentence.

const SEPARATORS = SEMICOLON | PIPE | BREAK | DOLLAR | QUOTE | LESS | EQUAL | BRACE;

/** Names that show something when run without arguments. */
const LONE =
  /^(?:id|ls|pwd|who|env|set|ps|top|htop|whoami|uname|ifconfig|netstat|printenv|hostname|dir|uptime|lsb_release|lastlog|aptitude|last|w|df|mount|arp|dmesg|sh|bash|zsh|ksh|csh|dash)$/;
/** Words that run the command after them. */
const PREFIXES =
  /^(?:time|nohup|strace|ltrace|sudo|doas|exec|command|builtin|env|nice|ionice|setsid|stdbuf|xargs|busybox|then|do|else|eval)$/;
/** What documentation tells its readers to run. */
const DEVELOPER =
  /^(?:npm|node|npx|git|pip3?|docker|kubectl|apt|apt-get|brew|yum|dnf|gem|composer|make|sudo|ssh|cd|python3?|php|ruby|java|mvn)\s/;
const MAX_NEWLINES = 2;

/** Commands for Unix shells. */
export function detectShell(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if ((classes & LETTER) === 0 && (classes & DOLLAR) === 0) return undefined;
  const bare = (classes & SPACE) !== 0 && (classes & (SLASH | DASH)) !== 0;
  const globbed = (classes & SLASH) !== 0 && (classes & (BRACKET | QUESTION | STAR)) !== 0;
  if ((classes & (SEPARATORS | BACKSLASH)) === 0 && !bare && !globbed) return undefined;
  const literal = literalSign(value, classes);
  if (literal !== undefined) return literal;
  if ((classes & (SEMICOLON | PIPE | BREAK | DOLLAR | QUOTE | BRACE | BACKSLASH)) !== 0) {
    const found = scanPositions(value, classes);
    if (found !== undefined) return found;
  }
  return atStart(value);
}

const DEVICE = /\/dev\/(?:tcp|udp)\/|[<>]\s?&\s?[0-9]\s{0,2}(?:[;0-9|]|$)|\b(?:0|1|2)>&(?:1|2)\b/;
const SHELLSHOCK = /\(\s{0,4}\)\s{0,4}\{/;
const FIELD_SEPARATOR =
  /\$\{?IFS\b|\$\{?PATH[:#%]|\$\{?(?:BASH|SHELL|HOSTNAME|HOME|PWD|SHLVL|LS_COLORS)(?:[:#%][^}]{0,20})?\}?(?:\s|$|[|;&])\s{0,4}-?|\$\{[#!]?[A-Za-z_]{0,20}[#%:][^}]{0,20}\}(?=[\w/])|\$'\\(?:x[0-9a-f]{2}|[0-7]{3})/;
const PROCESS = /(?:^|[\s;|&=])[<>]\((?:cmd|[a-z]{2,12}(?:\)|\s))|<<<\s{0,4}["'$\w(]/;
const SUM =
  /\$\(\(\s?-?[0-9]{1,10}\s?[*+-]\s?[0-9]{1,10}\s?\)\)|\$\[\s?[0-9]{1,10}\s?[*+-]\s?[0-9]{1,10}\s?\]|\bexpr\s{1,4}[0-9]{1,10}\s{1,4}[*+-]/;
const ENCODED =
  /\|\s{0,4}(?:base64|base32|xxd|openssl|rev|tac)\b[^|]{0,40}\|\s{0,4}(?:ba|z|k|c|da)?sh\b|\|\s{0,4}(?:ba|z|k|da)?sh\s{0,4}(?:$|[-;|&"'`)<])/;
const REVERSE_SHELL =
  /\b(?:nc|ncat|netcat)\s(?:-?[\w.:]{1,40}\s){0,4}-[a-z]{0,3}[ec]\s|\bmkfifo\s\/|\bsocat\s[\w:.,-]{1,40}\s(?:exec|system):|\bIO::Socket|\bTCPSocket\.(?:new|open)|\bsocket\.socket\s?\(/i;
const REVERSE_WORDS = literalGroup([
  "ncat",
  "netcat",
  "mkfifo",
  "socket",
  "socat",
  "ockopen",
  " -e ",
  " -c ",
  "exec",
]);
const BRACES =
  /(?:^|[\s;|&`(=])\{(?:[a-z/]{0,12},)(?:[a-z/.-]{0,24}(?:,[^{}\s"':]{0,24}){0,3})\}|(?:^|[;|&`(=])[a-z]{0,4}\{[a-z]{1,6},[a-z-]{1,8}\}[a-z]{0,4}(?:$|[\s;|&])/;
const ALIAS = /(?:^|[;|&\n])\s{0,4}alias\s{1,4}(?:[+-][a-z+]{1,6}\s{1,4})?["']?[\w.-]{1,20}["']?=/;

function literalSign(value: string, classes: number): Finding | undefined {
  if ((classes & (SLASH | EQUAL)) !== 0 && (classes & (SLASH | PIPE)) !== 0) {
    const found =
      value.includes("/dev/") || value.includes("&") ? sign(value, DEVICE, "device") : undefined;
    if (found !== undefined && !/<\s?&\s?[0-9]/.test(value.slice(found.start, found.start + 1)))
      return found;
  }
  if ((classes & BRACE) !== 0) {
    // () { :;};  and not  function f() { … }
    const found = sign(value, SHELLSHOCK, "function-export");
    if (
      found !== undefined &&
      /^\(\s{0,4}\)\s{0,4}\{\s{0,4}(?::|_|$|[^a-z]{0,4};)/i.test(
        value.slice(found.start, found.start + 24),
      ) &&
      !isWordCode(value.charCodeAt(found.start - 1))
    )
      return found;
    const braces = sign(value, BRACES, "brace-expansion");
    if (braces !== undefined && value.length < 200) return braces;
  }
  if ((classes & DOLLAR) !== 0) {
    const found =
      sign(value, FIELD_SEPARATOR, "shell-variable") ?? sign(value, SUM, "shell-arithmetic");
    if (
      found !== undefined &&
      (found.sign !== "shell-variable" ||
        !/^\$\{?(?:HOME|PWD|HOSTNAME|PATH|BASH|SHLVL)/.test(value.slice(found.start)) ||
        found.start === 0)
    )
      return found;
  }
  if ((classes & (LESS | EQUAL)) !== 0) {
    const found = sign(value, PROCESS, "process-substitution");
    if (found !== undefined && !(value.charCodeAt(found.start) === 0x3c && value.includes("</")))
      return found;
  }
  if ((classes & PIPE) !== 0) {
    const found = sign(value, ENCODED, "piped-shell");
    if (found !== undefined && !/^\|\s?(?:sh|bash)\s?\|/.test(value.slice(found.start)))
      return found;
  }
  if ((classes & (SPACE | PIPE)) !== 0) {
    const found =
      ((literalGroups(value) & REVERSE_WORDS) !== 0
        ? sign(value, REVERSE_SHELL, "reverse-shell")
        : undefined) ?? ((classes & EQUAL) === 0 ? undefined : sign(value, ALIAS, "alias"));
    if (found !== undefined) return found;
  }
  return (classes & SLASH) === 0 ? undefined : globbedPath(value, classes);
}

const DIRECTORIES =
  "etc bin sbin usr var tmp dev proc home opt root lib sys passwd shadow bash hosts".split(" ");
const MAX_GLOB = 16;

// /???/??t /etc/passw?: a path whose directories the shell is left to guess
function globbedPath(value: string, classes: number): Finding | undefined {
  if ((classes & SLASH) === 0 || (classes & (QUESTION | STAR | BRACKET)) === 0) return undefined;
  for (let at = value.indexOf("/"); at >= 0; at = value.indexOf("/", at + 1)) {
    let end = at + 1;
    let isWild = false;
    for (; end < value.length && end - at <= MAX_GLOB; end++) {
      const code = value.charCodeAt(end);
      if (code === 0x3f || code === 0x2a || code === 0x5b) isWild = true;
      else if (!isGlobCode(code)) break;
    }
    if (!isWild || !endsSegment(value.charCodeAt(end))) continue;
    const part = value.slice(at + 1, end);
    if (part === "*" || part === "**" || part === "?") continue;
    // a query after a path: /in?x
    if (part.includes("?") && /^[a-z]*\?[a-z]*$/.test(part) && part.length > 5) continue;
    for (const directory of DIRECTORIES)
      if (globMatches(part, directory)) return { sign: "globbed-path", start: at, end };
  }
  return undefined;
}

// a-z ] ! ^ -
function isGlobCode(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x5d ||
    code === 0x21 ||
    code === 0x5e ||
    code === 0x2d
  );
}

function endsSegment(code: number): boolean {
  return (
    Number.isNaN(code) ||
    code === 0x2f ||
    isSpaceCode(code) ||
    ";|&\"'`)".includes(String.fromCharCode(code))
  );
}

/** `?`, `*` and `[…]`; both sides are at most 16 characters, so plain recursion is bounded. */
function globMatches(pattern: string, text: string): boolean {
  let at = 0;
  let wild = 0;
  let index = 0;
  while (index < pattern.length) {
    const character = pattern[index]!;
    if (character === "*") {
      if (index === pattern.length - 1)
        return wild === 0 && at >= (text.length > 3 ? 3 : 2) && text.length <= 4;
      return false;
    }
    if (character === "[") {
      const close = pattern.indexOf("]", index + 1);
      if (close < 0) return false;
      index = close + 1;
      wild++;
      at++;
      continue;
    }
    if (character === "?") wild++;
    else if (character !== text[at]) return false;
    at++;
    index++;
  }
  return at === text.length && wild > 0;
}

// --- positions ------------------------------------------------------------------------------

function scanPositions(value: string, classes: number): Finding | undefined {
  let newlines = 0;
  if ((classes & BREAK) !== 0)
    for (
      let at = value.indexOf("\n");
      at >= 0 && newlines <= MAX_NEWLINES;
      at = value.indexOf("\n", at + 1)
    )
      newlines++;
  let spanOpen = -1;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    let separator = "";
    let from = at + 1;
    switch (code) {
      case 0x3b:
        separator = ";";
        break;
      case 0x7c:
        separator = "|";
        if (value.charCodeAt(from) === 0x7c || value.charCodeAt(from) === 0x26) from++;
        break;
      case 0x26:
        if (value.charCodeAt(from) === 0x26) {
          separator = "&&";
          from++;
        } else separator = "&";
        break;
      case 0x0a:
      case 0x0d:
        if (newlines <= MAX_NEWLINES) separator = "\n";
        break;
      case 0x5c:
        // "\\n" as two characters: what a careless decoder makes of a line end
        if (value.charCodeAt(from) === 0x6e && newlines <= MAX_NEWLINES) {
          separator = "\n";
          from++;
        }
        break;
      case 0x60:
        // the second mark of a pair closes
        if (spanOpen < 0) {
          separator = "`";
          spanOpen = at;
        } else spanOpen = -1;
        break;
      case 0x24:
        if (value.charCodeAt(from) === 0x28 && value.charCodeAt(from + 1) !== 0x28) {
          separator = "$(";
          from++;
        } else if (value.charCodeAt(from) === 0x7b && value.charCodeAt(from + 1) === 0x60)
          separator = "";
        break;
      default:
    }
    if (separator === "") continue;
    const found = judge(value, at, from, separator);
    if (found !== undefined && !(separator !== "`" && spanOpen >= 0 && isCodeSpan(value, spanOpen)))
      return { sign: found, start: at, end: Math.min(value.length, from + 60) };
    at = from - 1;
  }
  return undefined;
}

// `npm ci && npm test` between words: Markdown's code
function isCodeSpan(value: string, open: number): boolean {
  return (
    value.includes("`", open + 1) &&
    (open === 0 ||
      isSpaceCode(value.charCodeAt(open - 1)) ||
      value.charCodeAt(open - 1) === 0x28) &&
    /[a-z]{2}\s/i.test(value.slice(0, open) + value.slice(value.indexOf("`", open + 1)))
  );
}

let wordEnd = 0;
/** The name was written with quotes, backslashes or variables inside. */
let wordSplit = false;
let wordPath = false;

/** Reads the command word at `from` as a shell would; "" where none stands. */
function commandWord(value: string, from: number): string {
  let at = from;
  const limit = Math.min(value.length, from + 160);
  for (;;) {
    while (
      at < limit &&
      (isSpaceCode(value.charCodeAt(at)) ||
        value.charCodeAt(at) === 0x28 ||
        value.charCodeAt(at) === 0x7b)
    )
      at++;
    // $u, $@: variables that are empty
    if (
      value.charCodeAt(at) === 0x24 &&
      (isLetterCode(value.charCodeAt(at + 1)) || value.charCodeAt(at + 1) === 0x40)
    ) {
      let end = at + 2;
      while (end < limit && isWordCode(value.charCodeAt(end))) end++;
      if (isSpaceCode(value.charCodeAt(end)) && end > at) {
        at = end;
        continue;
      }
    }
    break;
  }
  let name = "";
  let letters = 0;
  wordSplit = false;
  wordPath = false;
  for (; at < limit; at++) {
    const code = value.charCodeAt(at);
    if (code === 0x27 || code === 0x22 || code === 0x5c) {
      if (letters > 0 && at + 1 < value.length && isLetterCode(value.charCodeAt(at + 1)))
        wordSplit = true;
      continue;
    }
    if (code === 0x24) {
      const next = value.charCodeAt(at + 1);
      if (next === 0x40 || next === 0x2a || isDigitCode(next)) {
        wordSplit = true;
        at++;
        continue;
      }
      if (next === 0x7b) {
        const close = value.indexOf("}", at);
        if (close > 0 && close < at + 12 && letters > 0) {
          wordSplit = true;
          at = close;
          continue;
        }
      }
      break;
    }
    if (code === 0x2f) {
      name = "";
      wordPath = true;
      continue;
    }
    if (
      isLetterCode(code) ||
      isDigitCode(code) ||
      code === 0x5f ||
      (code === 0x2d && letters > 0) ||
      (code === 0x2e && letters > 0)
    ) {
      name += value[at];
      letters++;
      if (letters > 32) break;
      continue;
    }
    break;
  }
  wordEnd = at;
  return name;
}

const VERSIONED = /^(?:python|perl|php|ruby|gcc|node|pip|lua)[0-9.]{1,6}$/;

function knownKind(name: string): 0 | 1 | 2 {
  if (TECHNICAL.has(name)) return 2;
  if (isDigitCode(name.charCodeAt(name.length - 1)) && VERSIONED.test(name)) return 2;
  return WORDY.has(name) ? 1 : 0;
}

function judge(value: string, at: number, from: number, separator: string): string | undefined {
  let name = commandWord(value, from);
  if (name === "") return undefined;
  const start = from;
  for (
    let steps = 0;
    steps < 3 && PREFIXES.test(name) && isSpaceCode(value.charCodeAt(wordEnd));
    steps++
  ) {
    const end = wordEnd;
    const split = wordSplit;
    const next = commandWord(value, end);
    if (knownKind(next) === 0) {
      wordEnd = end;
      wordSplit = split;
      break;
    }
    // "time; find", "time curl": a command behind a command
    if (knownKind(next) === 2 && separator !== "\n" && separator !== "&") return "command";
    name = next;
  }
  const kind = knownKind(name);
  if (kind === 0) return undefined;
  const next = value.charCodeAt(wordEnd);
  if (wordSplit && name.length > 1) {
    // can't, o'clock: a lone apostrophe is not a split name
    const text = value.slice(start, wordEnd);
    if (/["'].{0,20}["']|\\|\$/.test(text)) return "split-command";
  }
  // a=1&id=5, key: value, "& word;" as in &lt;
  if (next === 0x3d || next === 0x3a) return undefined;
  if (separator === "&" && next === 0x3b) return undefined;
  switch (separator) {
    case "`":
      return backtick(value, at, kind) ? "substitution" : undefined;
    case "$(":
      return substitution(value, next, kind, name) ? "substitution" : undefined;
    case "&":
    case "\n":
      if (
        separator === "\n" &&
        (LONE.test(name) || wordPath) &&
        endsCommand(value, wordEnd) &&
        !wordsOnly(value, at) &&
        at < 40
      )
        return "command";
      if (wordPath && kind === 2 && separator === "&") return "command";
      return argumentsLook(value, wordEnd, kind, name) &&
        (separator === "\n" || !isQueryName(value, wordEnd))
        ? "command"
        : undefined;
    default:
      break;
  }
  if (wordPath && (kind === 2 || argumentsLook(value, wordEnd, kind, name))) return "command";
  if (argumentsLook(value, wordEnd, kind, name)) return "command";
  if (endsCommand(value, wordEnd) && (kind === 2 || LONE.test(name)) && !wordsOnly(value, at))
    return "command";
  if (kind === 2 && !wordsOnly(value, at) && shortArguments(value, wordEnd)) return "command";
  return undefined;
}

function isQueryName(value: string, end: number): boolean {
  return value.charCodeAt(end) === 0x3d;
}

/** Whether only a sentence or a list of words stands before the separator. */
function wordsOnly(value: string, at: number): boolean {
  const before = value.slice(Math.max(0, at - 40), at).trim();
  if (before === "") return at > 40;
  if (PREFIXES.test(before)) return false;
  if (/[a-z]{2}["']?$/i.test(before)) return !/^[\w.-]+\.[a-z]{2,6}$|^\/|[=$`/\\]/i.test(before);
  return /[.!?)]$/.test(before) && /\s/.test(before);
}

function endsCommand(value: string, from: number): boolean {
  let at = from;
  while (at < value.length && isSpaceCode(value.charCodeAt(at))) at++;
  if (at >= value.length) return true;
  const code = value.charCodeAt(at);
  if (
    code === 0x3b ||
    code === 0x7c ||
    code === 0x26 ||
    code === 0x23 ||
    code === 0x29 ||
    code === 0x60
  )
    return true;
  return (code === 0x22 || code === 0x27) && at === from && at + 2 >= value.length;
}

const TECHNICAL_ARGUMENTS = [
  /^(?:-{1,2}[a-z][\w-]{0,30}(?:$|[\s=,;|&"'`)/.]|\d)|-\d|[~.]{0,2}\/[\w.?*[$~/{-]|~(?:$|[\s;/])|[$`]|https?:|ftp:|\d{1,3}(?:\.\d{1,3}){3}|["'](?:[-/$;]|http|import |echo |print|console|\w{1,40} ?\(|$)|[<>]{1,2}\s?[\w/$~.&(-]|\*(?:$|[\s.;|])|%[a-z]|[a-z]:\\|\\\\|\\[a-z/]|\{\}|\d{2,5}(?:$|[;|&)]))/i,
  /^[\w.-]{1,60}\/[\w./-]{2,80}(?:$|[\s;|&"'`)])/i,
  /^[\w-]{1,40}\.(?:txt|sh|py|pl|php|js|rb|conf|cfg|log|bak|sql|xml|ini|exe|bat|ps1|jsp|html?|cgi|gz|zip|tar|zst|key|pem)\b/i,
  /^[\w-]{1,60}(?:\.[\w-]{1,60}){1,6}(?:$|[;|&"'`)/]|\s(?:\d|$|[;|&]))/i,
];

/** Whether what follows the name is what a command takes and a sentence does not. */
function argumentsLook(value: string, from: number, kind: number, name: string): boolean {
  let at = from;
  const limit = Math.min(value.length, from + 8);
  while (at < limit && (isSpaceCode(value.charCodeAt(at)) || value.charCodeAt(at) === 0x2b)) at++;
  let rest = value.slice(at, at + 120);
  const spaced = at > from;
  // cat+/etc/passwd: decoded once, of what was encoded twice
  if (spaced && value.charCodeAt(at - 1) === 0x2b) rest = rest.replaceAll("+", " ");
  if (!spaced) {
    // cat</etc/passwd, cat$IFS
    return /^(?:<{1,3}\s?[\w/$.~"'(]|>{1,2}\s?[\w/$.~&]|\$[@*]?\{?I)/.test(rest);
  }
  // an HTML tag or a comparison in a sentence
  if (/^<\/?[a-z]/i.test(rest) && /^<\/?[a-z]+[\s>]/i.test(rest)) return false;
  if (name === "sleep" || name === "timeout")
    return /^\d{1,6}[smhd]?\s{0,4}(?:$|[;|&#"'`)\n])/.test(rest);
  if (name === "echo" || name === "printf")
    return (
      /^["'$\\-]|^\w{1,40}\s{0,4}(?:$|[;|&#`>)])/.test(rest) &&
      !/^["'][^"']*$/.test(rest.slice(0, 4) === '"' ? rest : "x")
    );
  if (
    kind === 1 &&
    (name === "true" || name === "false" || name === "if" || name === "for" || name === "while")
  )
    return false;
  if (TECHNICAL_ARGUMENTS.some((pattern) => pattern.test(rest)))
    return kind === 2 || !/^\d{2,5}|^-\d/.test(rest) || name === "kill";
  if (kind === 1)
    return name === "cd"
      ? /^[a-z]{1,10}(?:;|&&)/i.test(rest)
      : name === "export" || name === "set"
        ? /^[A-Za-z_]\w{0,20}=/.test(rest)
        : (name === "trap" || name === "source") && /^["'/]/.test(rest);
  return /^\w[\w.-]{0,30}\s{1,4}(?:-{1,2}[a-z]|\/\w|\d{1,5}(?:$|[\s;|&])|https?:|"|'|\$)/i.test(
    rest,
  );
}

function shortArguments(value: string, from: number): boolean {
  const rest = value.slice(from, from + 64);
  return /^\s{1,4}[\w.:@/=-]{1,40}(?:\s{1,4}[\w.:@/=-]{1,40})?\s{0,4}(?:$|[;|&`)#"'])/.test(rest);
}

// Markdown writes code between back ticks: `ls -la` in a sentence is none.
function backtick(value: string, at: number, kind: number): boolean {
  const close = value.indexOf("`", at + 1);
  const before = at === 0 ? 0 : value.charCodeAt(at - 1);
  const after = close < 0 ? 0 : value.charCodeAt(close + 1);
  if (before === 0x60 || after === 0x60) return false;
  if (DEVELOPER.test(value.slice(at + 1, at + 12))) return false;
  if (at === 0 && close === value.trimEnd().length - 1)
    return kind === 2 || !/^`[a-z]+`$/.test(value) || /^`(?:id|ls|ps|env|who|w)`$/.test(value);
  if (
    before === 0x3d ||
    before === 0x3b ||
    before === 0x7c ||
    before === 0x26 ||
    before === 0x24 ||
    before === 0x22 ||
    before === 0x27 ||
    before === 0x2d
  )
    return close > 0 || kind === 2;
  return isDigitCode(before) && kind === 2;
}

function substitution(value: string, next: number, kind: number, name: string): boolean {
  if (kind === 2 && !Number.isNaN(next))
    return next === 0x29 || isSpaceCode(next) || next === 0x3c || next === 0x24;
  if (next === 0x29) {
    if (value.length <= 24 && value.charCodeAt(0) === 0x24 && wordEnd === value.length - 1)
      return true;
    // $(id).hide(): a library of scripts
    const close = value.indexOf(")", wordEnd);
    return (
      value.charCodeAt(close + 1) !== 0x2e &&
      name !== "this" &&
      name !== "true" &&
      name !== "w" &&
      name !== "x"
    );
  }
  return (
    next === 0x24 ||
    (isSpaceCode(next) &&
      (argumentsLook(value, wordEnd, kind, name) ||
        /^\s\w/.test(value.slice(wordEnd, wordEnd + 2))))
  );
}

// --- the value is the command ---------------------------------------------------------------

const START_ARGUMENT =
  /^(?:\/(?:etc|bin|usr|var|tmp|proc|dev|home|root|opt|sys)(?:\/|$|\s)|~\/|https?:\/\/|ftp:\/\/|\d{1,3}(?:\.\d{1,3}){3}\b|-[ce]\s{1,4}["']?\w|\$\{?[A-Za-z(]|["']\/|\/(?:$|\s)|[a-z]:\\|>\s?\/|\\|\.\.?\/)/i;

function atStart(value: string): Finding | undefined {
  let from = 0;
  if (value.charCodeAt(0) === 0x27 || value.charCodeAt(0) === 0x22) from = 1;
  let name = commandWord(value, from);
  const first = name;
  if (name === "") return undefined;
  if (
    wordPath &&
    /^(?:\.{0,2}\/)?(?:\w{0,10}\/){0,3}s?bin\/[a-z]/.test(value.slice(from, from + 40)) &&
    (knownKind(name) > 0 || wordEnd >= value.trimEnd().length) &&
    (isSpaceCode(value.charCodeAt(wordEnd)) || wordEnd >= value.length)
  ) {
    return { sign: "program-path", start: 0, end: wordEnd };
  }
  let prefixed = false;
  for (
    let steps = 0;
    steps < 3 && PREFIXES.test(name.toLowerCase()) && isSpaceCode(value.charCodeAt(wordEnd));
    steps++
  ) {
    name = commandWord(value, wordEnd);
    prefixed = true;
  }
  const kind = knownKind(name);
  if (kind === 0) return undefined;
  if (
    wordSplit &&
    name.length > 2 &&
    /\w(["'])\1?[^"'\s]{0,12}\1\w|\w\\\w|\w""\w|\w\$@/.test(value.slice(from, wordEnd + 1)) &&
    kind === 2
  )
    return { sign: "split-command", start: 0, end: wordEnd };
  if (first.toLowerCase() !== first || !isSpaceCode(value.charCodeAt(wordEnd))) {
    return prefixed && kind === 2 && wordEnd >= value.length && first !== "exec" && first !== "env"
      ? { sign: "command-line", start: 0, end: wordEnd }
      : undefined;
  }
  const rest = value.slice(wordEnd).trimStart().slice(0, 160);
  if (prefixed && kind === 2 && /^(?:-|\w+\s?$)/.test(rest))
    return { sign: "command-line", start: 0, end: wordEnd };
  // Options first, then the argument that tells.
  const argument = rest.replace(/^(?:-{1,2}[\w=-]{1,24}\s{1,4}(?:\d{1,6}\s{1,4})?){1,4}/, "");
  if (START_ARGUMENT.test(argument) || START_ARGUMENT.test(rest)) {
    // "curl https://… gives me an error": a question about it
    if (
      /\s[a-z]{2,}\s[a-z]{2,}\s[a-z]{2,}/i.test(argument.replace(/^\S+/, "")) &&
      !/["'|;>]/.test(argument)
    )
      return undefined;
    if (kind === 1 && /^https?:/.test(argument)) return undefined;
    return { sign: "command-line", start: 0, end: Math.min(value.length, wordEnd + 60) };
  }
  return undefined;
}
