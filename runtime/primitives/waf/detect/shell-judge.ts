// Over 400 lines: each judgement spares what another one stops, and they are read together.
import { isDigitCode, isSpaceCode } from "./characters.ts";
import { countWords } from "./prose.ts";
import {
  commandWord,
  isNoCommand,
  keepWord,
  knownKind,
  LONE,
  PREFIXES,
  wordEnd,
  wordPath,
  wordSplit,
} from "./shell-word.ts";

// How much a word and its arguments look like a command rather than a sentence.

/** What documentation tells its readers to run. */
const DEVELOPER =
  /^(?:npm|node|npx|git|pip3?|docker|kubectl|apt|apt-get|brew|yum|dnf|gem|composer|make|sudo|ssh|cd|python3?|php|ruby|java|mvn)\s/;

/** Those of the words that run another one which are no English words. */
const STRONG_PREFIXES = /^(?:sudo|doas|nohup|strace|ltrace|setsid|stdbuf|ionice|busybox)$/;
const CONDITION = /\b(?:el)?if\b|\b(?:for|while|until|select)\b/;

const IN_LINK = /<(?:https?:\/\/|mailto:)[^\s<>|"'`;&$]{1,380}$/;

export function judge(
  value: string,
  at: number,
  from: number,
  separator: string,
): string | undefined {
  if (isNoCommand(value, from)) return undefined;
  let name = commandWord(value, from);
  if (name === "") return undefined;
  const start = from;
  let prefixed = false;
  // "; then ls" runs nothing where no condition began.
  if (
    (name === "then" || name === "do" || name === "else") &&
    !CONDITION.test(value.slice(Math.max(0, at - 400), at))
  )
    return undefined;
  for (
    let steps = 0;
    steps < 3 && isSpaceCode(value.charCodeAt(wordEnd)) && PREFIXES.test(name);
    steps++
  ) {
    const end = wordEnd;
    const split = wordSplit;
    const next = commandWord(value, end);
    if (knownKind(next) === 0) {
      keepWord(end, split);
      break;
    }
    // "time; find", "time curl": a command behind a command
    if (knownKind(next) === 2 && separator !== "\n" && separator !== "&" && separator !== "`")
      return "command";
    prefixed ||= STRONG_PREFIXES.test(name);
    name = next;
  }
  const kind = knownKind(name);
  if (kind === 0) return undefined;
  // <https://a.example|name>: a link of a chat
  if (separator === "|" && IN_LINK.test(value.slice(Math.max(0, at - 400), at))) return undefined;
  const next = value.charCodeAt(wordEnd);
  if (wordSplit && name.length > 1) {
    // can't, o'clock: a lone apostrophe is not a split name
    const text = value.slice(start, wordEnd);
    if (/["'].{0,20}["']|\\|\$|`/.test(text)) return "split-command";
  }
  // a=1&id=5, key: value, "& word;" as in &lt;
  if (next === 0x3d || next === 0x3a) return undefined;
  if (separator === "\n" && isShown(value, at, start, kind)) return undefined;
  if (separator === "&" && next === 0x3b) return undefined;
  if ((separator === "&&" || separator === ";") && isToolChain(value, at, start)) return undefined;
  if (separator === "|" && (isTextFilter(value, at, name) || isTableRow(value, at)))
    return undefined;
  // "shop-client/8.1.6;nodejs": on what a client runs
  if (separator === ";" && isRuntime(value, at, name)) return undefined;
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
      if (separator === "&" && endsCommand(value, wordEnd) && isAskedAlone(value, at, name))
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
  // a;whoami  a;sudo id  a;rm b: behind a word, what no list of words holds
  if (value.length <= MAX_ALONE && endsCommand(value, wordEnd)) {
    if (UNMISTAKABLE.test(name) || (prefixed && kind > 0)) return "command";
  } else if (value.length <= MAX_ALONE && touchesName(value, from) && isFileWork(value, from))
    return "command";
  return undefined;
}

// "npm ci && npm test": commands of a developer's tools, one behind the other, from the first of its line on
function isToolChain(value: string, at: number, from: number): boolean {
  let start = from;
  while (isSpaceCode(value.charCodeAt(start))) start++;
  if (!TOOL.test(value.slice(start, start + 32))) return false;
  const line = value.slice(Math.max(0, value.lastIndexOf("\n", at - 1) + 1, at - 200), at);
  const parts = line.split(/&&|;/);
  return parts.every((part, index) =>
    index === 0 ? FIRST_TOOL.test(part) : TOOL_LINE.test(part.trim()),
  );
}

const TOOL_LINE =
  /^(?:npm|npx|yarn|pnpm|git|docker|make|cargo|go|mvn|gradle|pip3?|tsc|cd|mkdir)(?:\s[\w\s:@/.=-]{1,80})?$/;
/** The same behind the words that introduce it, or as a value of a package's scripts. */
const FIRST_TOOL =
  /(?:^|[\s:"'`>$(])(?:npm|npx|yarn|pnpm|git|docker|make|cargo|go|mvn|gradle|pip3?|tsc|cd|mkdir)(?:\s[\w\s:@/.=-]{1,80})?$/;

function isRuntime(value: string, at: number, name: string): boolean {
  return (
    wordEnd >= value.length &&
    /^(?:node|nodejs|python\d?|ruby|php|java|lua|perl)$/.test(name) &&
    /\/\d{1,4}(?:\.\d{1,5}){1,3}$/.test(value.slice(Math.max(0, at - 24), at))
  );
}

const LONGEST_ROW = 500;

// "| env | url | who |": a row of a table
function isTableRow(value: string, at: number): boolean {
  // A longer line is asked about at each of its bars.
  const start = Math.max(0, at - LONGEST_ROW);
  const from = value.slice(start, at).lastIndexOf("\n");
  const end = value.slice(at, at + LONGEST_ROW).indexOf("\n");
  if ((from < 0 && start > 0) || (end < 0 && value.length > at + LONGEST_ROW)) return false;
  const line = value.slice(start + from + 1, end < 0 ? value.length : at + end).trim();
  return line.startsWith("| ") && line.endsWith(" |") && line.slice(2, -2).includes(" | ");
}

/** Options and numbers, then the end or a sentence that goes on. */
const FILTER_TAIL =
  /^(?:\s{1,4}-{1,2}[\w=-]{1,20}|\s{1,4}\d{1,6}){0,4}\s{0,4}(?:$|[|.,:)"'`\n<]|\s[A-Za-z]{2})/;
/** Options and what to look for; a second word would be a file. */
const GREP_TAIL =
  /^(?:\s{1,4}-{1,2}[\w=-]{1,20}){0,4}\s{1,4}(?:[\w-]{1,40}|"[\w .:-]{1,40}"|'[\w .:-]{1,40}')\s{0,4}(?:$|[|.,:)`\n<])/;

// "du -sh * | sort -h | tail -5", "get pods | grep api": what reads nothing but what the command before it writes
function isTextFilter(value: string, at: number, name: string): boolean {
  if (at < 12 && !/\S\s{1,4}\S/.test(value.slice(0, at))) return false;
  const rest = value.slice(wordEnd, wordEnd + 120);
  if (/^[ef]?grep$/.test(name)) return GREP_TAIL.test(rest);
  return (
    /^(?:sort|head|tail|wc|uniq|less|more|column|nl|tac|rev|cut|tr)$/.test(name) &&
    FILTER_TAIL.test(rest)
  );
}

/** What such a tool is asked for, without code to evaluate. */
const TOOL =
  /^(?:(?:npm|yarn|pnpm)\s(?:run|ci|install|test|start|build|publish|link|add|audit)\b|npx\s\w|git\s(?:add|commit|push|pull|status|tag|checkout|switch|fetch|merge|rebase|log|diff)\b|docker\s(?:compose|build|push|pull|up)\b|make\s?[\w-]{0,20}\s{0,2}(?:$|[\n;&`"])|cargo\s\w|mvn\s\w|gradle\s\w|python3?\s(?:manage\.py\s\w|-m\s(?:venv|pip|pytest|build)\b)|pip3?\sinstall\s-r\s|bundle\s(?:install|exec)\b|composer\s(?:install|update)\b|php\sartisan\s\w)/;

// A line of a text: the rest of a sentence that was wrapped, code inside Markdown's fences, a developer's tool behind
// a colon, or a quotation.
function isShown(value: string, at: number, from: number, kind: number): boolean {
  const before = value.slice(Math.max(0, at - 200), at).trimEnd();
  const line = before.slice(before.lastIndexOf("\n") + 1);
  if (/^\s{0,3}(?:```|~~~)\s?[\w-]{0,20}$/.test(line)) return true;
  let start = from;
  while (isSpaceCode(value.charCodeAt(start))) start++;
  // 'tail -f' of a log: a name with a blank in it is none
  const mark = value.charCodeAt(start);
  if (mark === 0x27 || mark === 0x22) {
    const close = value.indexOf(value.charAt(start), start + 1);
    return close > 0 && /^\w{2,20}\s/.test(value.slice(start + 1, close));
  }
  if (kind === 1) return /[A-Za-z\u00c0-\uffff,]$/.test(line) && countWords(line) >= 3;
  return (
    /[:\uff1a]$/.test(line) &&
    countWords(line) >= 2 &&
    DEVELOPER.test(value.slice(start, start + 12)) &&
    !/[;|&`$<>]/.test(value.slice(start, start + 200))
  );
}

/** A longer value is a text. */
const MAX_ALONE = 80;
const FILE_WORK =
  /^(?:rm|rmdir|mkdir|unlink|kill|killall|umount)\s[\w./*-]{1,40}$|^(?:mv|cp|ln|scp|rsync|chown|chmod)\s(?:-[a-z]{1,5}\s)?[\w./*@:+-]{1,40}\s[\w./*@:-]{1,40}$/;

// No space behind the separator, as between the words of no sentence.
function touchesName(value: string, from: number): boolean {
  return !isSpaceCode(value.charCodeAt(from));
}

function isFileWork(value: string, from: number): boolean {
  return FILE_WORK.test(value.slice(from).trimEnd());
}

// 1&id, & whoami: but not "x=1&id" of a query, "passport & id", "docker & git"
function isAskedAlone(value: string, at: number, name: string): boolean {
  if (!ASKED.test(name) || /[?=&]/.test(value.slice(Math.max(0, at - 40), at))) return false;
  return UNMISTAKABLE.test(name) || at === 0 || !wordsOnly(value, at);
}

/** Names that show something when run alone. */
const ASKED = /^(?:id|pwd|ls|whoami|uname|ifconfig|netstat|printenv|lsb_release)$/;
const UNMISTAKABLE = /^(?:whoami|uname|ifconfig|printenv|lsb_release)$/;

function isQueryName(value: string, end: number): boolean {
  return value.charCodeAt(end) === 0x3d;
}

const CONTROL_WORDS =
  /^(?:true|false|if|then|do|else|while|for|until|test|echo|sleep|id|ls|pwd|cd|cat|who|set|env|printenv)$/;

/** Whether only a sentence or a list of words stands before the separator. */
function wordsOnly(value: string, at: number): boolean {
  const before = value.slice(Math.max(0, at - 40), at).trim();
  if (before === "") return at > 40;
  if (PREFIXES.test(before)) return false;
  // "x|false||id", "x;if true;then id": a command stands there already
  const last = /[;|&]\s{0,4}([a-z]{2,12})(?:\s{1,4}[a-z]{1,12})?\s{0,4}[;|&]?$/.exec(before)?.[1];
  if (last !== undefined && CONTROL_WORDS.test(last)) return false;
  if (/[a-z]{2}["']?$/i.test(before))
    return !/^[\w.@+-]+\.[a-z]{2,6}["']?$|^\/|[=$`/\\]/i.test(before);
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

/** What `ip` shows. */
const IP_OBJECT =
  /^(?:a|addr|address|r|route|link|neigh)(?:\s{1,4}(?:show|list|ls))?\s{0,4}(?:$|[;|&#"'`)])/;

const TECHNICAL_ARGUMENTS = [
  /^[^\s<>]{1,60}\s{0,4}<\s{0,4}~?\/\w/,
  /^(?:\.{1,2}|\/)(?:$|[;|&#"'`)]|\s{1,4}-[a-z])/i,
  /^\/\s{1,4}-[a-z]/i,
  /^\.[a-z_]{2,20}(?:$|[\s;|&#"'`)])/i,
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
  // "; read `pool.stats` again": code in a sentence
  if (kind === 1 && /^`[^`]{1,60}`(?:\s[a-z]|[.,)])/i.test(rest)) return false;
  // x >> (32 - n)
  if (name.length === 1 && rest.startsWith(">>")) return false;
  // an HTML tag or a comparison in a sentence
  if (/^<\/?[a-z]/i.test(rest) && /^<\/?[a-z]+[\s>]/i.test(rest)) return false;
  if (name === "sleep" || name === "timeout")
    return (
      /^\d{1,6}(?:\.\d{1,6})?[smhd]?\s{0,4}(?:$|[;|&#"'`)\n])/.test(rest) ||
      (name === "timeout" && /^(?:-\S{1,12}\s{1,4})?\d{1,6}[smhd]?\s{1,4}[a-z]{2,12}\b/.test(rest))
    );
  if (name === "expr") return /^\d{1,10}\s{1,4}(?:[+-]|\\?\*|["'/])/.test(rest);
  if (name === "service") return /^\w{1,20}\s{1,4}(?:re)?(?:start|load|stop|status)\b/.test(rest);
  if (name === "ip") return IP_OBJECT.test(rest);
  // ". name" and "type name" ask about a program
  if (
    (name === "type" || name === "which") &&
    knownKind(/^[\w-]{0,20}/.exec(rest)?.[0] ?? "") === 2
  )
    return /^[\w-]{1,20}\s{0,4}(?:$|[;|&#"'`)])/.test(rest);
  if (name === "echo" || name === "printf")
    return (
      /^["'$\\-]|^(?:\w{1,40}|\*)\s{0,4}(?:$|[;|&#`>)])/.test(rest) &&
      !/^["'][^"']*$/.test(rest.slice(0, 4) === '"' ? rest : "x")
    );
  if (
    kind === 1 &&
    (name === "true" || name === "false" || name === "if" || name === "for" || name === "while")
  )
    return false;
  // a line of a stack trace
  if (name === "at" && /^[\w.$/<>-]{1,119}(?:\(|$)/.test(rest) && /[\w$]\.[\w$]/.test(rest))
    return false;
  // find . -exec
  if (name === "find" && /^[.~/]\s.{0,80}\s-(?:exec|execdir|ok|okdir|delete|fprint)\b/.test(rest))
    return true;
  // x > 3: a comparison
  if (kind === 1 && name.length === 1 && /^[<>]\s?\d{1,9}(?:\W|$)/.test(rest)) return false;
  // head -1 /etc/passwd
  const counted = /^-\d{1,6}\s{1,4}(?=[~/.]{0,2}\/\w)/.exec(rest);
  if (counted !== null) rest = rest.slice(counted[0].length);
  if (TECHNICAL_ARGUMENTS.some((pattern) => pattern.test(rest)))
    return kind === 2 || !/^\d{2,5}|^-\d/.test(rest) || name === "kill";
  if (kind === 1)
    return name === "cd"
      ? /^[a-z]{1,10}(?:;|&&)/i.test(rest)
      : name === "export" || name === "set"
        ? /^[A-Za-z_]\w{0,20}=/.test(rest)
        : (name === "trap" &&
            /^(?:["'/]|\w{1,20}\s{1,4}(?:\d{1,2}|EXIT|ERR|INT|TERM|DEBUG)\b)/.test(rest)) ||
          (name === "source" && /^["'/]/.test(rest));
  return /^\w[\w.-]{0,30}\s{1,4}(?:-{1,2}[a-z]|-\s{1,4}\/|\/\w|\d{1,5}(?:$|[\s;|&])|https?:|"|'|\$|`)/i.test(
    rest,
  );
}

function shortArguments(value: string, from: number): boolean {
  let rest = value.slice(from, from + 64);
  if (rest.startsWith("+")) rest = rest.replaceAll("+", " ");
  return /^\s{1,4}[\w.:@/=-]{1,40}(?:\s{1,4}[\w.:@/=-]{1,40})?\s{0,4}(?:$|[;|&`)#"'])/.test(rest);
}

// Markdown writes code between back ticks: `ls -la` in a sentence is none.
function backtick(value: string, at: number, kind: number): boolean {
  const close = value.indexOf("`", at + 1);
  // a`id`b: Markdown's code has space around it
  if (close === wordEnd && ASKED.test(value.slice(at + 1, close)) && !/\s/.test(value)) return true;
  const before = at === 0 ? 0 : value.charCodeAt(at - 1);
  // $(`dir`), $(`wget …`)
  if (before === 0x28 && value.charCodeAt(at - 2) === 0x24 && value.charCodeAt(close + 1) === 0x29)
    return kind === 2 || LONE.test(value.slice(at + 1, close));
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
  // /items/`cat /etc/passwd`: no text has a path up to its code
  if (before === 0x2f && value.charCodeAt(0) === 0x2f && !/\s/.test(value.slice(0, at)))
    return close > 0;
  return isDigitCode(before) && kind === 2;
}

function substitution(value: string, next: number, kind: number, name: string): boolean {
  let end = wordEnd;
  while (end < wordEnd + 4 && isSpaceCode(value.charCodeAt(end))) end++;
  if (value.charCodeAt(end) === 0x29) return closedAlone(value, end, name);
  if (kind === 2 && !Number.isNaN(next))
    return next === 0x29 || isSpaceCode(next) || next === 0x3c || next === 0x3e || next === 0x24;
  return (
    next === 0x24 ||
    (next === 0x3e && /^>{1,2}\s?[\w./~&-]/.test(value.slice(wordEnd, wordEnd + 5))) ||
    (isSpaceCode(next) &&
      (argumentsLook(value, wordEnd, kind, name) ||
        /^\s\w/.test(value.slice(wordEnd, wordEnd + 2))))
  );
}

// $(id), $( id )
function closedAlone(value: string, close: number, name: string): boolean {
  // docker run -v $(pwd):/app
  if (
    name === "pwd" &&
    /\s["']?\$\(pwd\)["']?[:/]/.test(value.slice(Math.max(0, close - 7), close + 3))
  )
    return false;
  if (knownKind(name) === 2) return true;
  if (value.length <= 24 && value.charCodeAt(0) === 0x24 && close === value.length - 1) return true;
  // $(id).hide(): a library of scripts
  return (
    value.charCodeAt(close + 1) !== 0x2e &&
    name !== "this" &&
    name !== "true" &&
    // "$(z)" of a password
    name.length > 1
  );
}
