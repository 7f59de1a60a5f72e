import { isSpaceCode } from "./characters.ts";
import type { Finding } from "./finding.ts";
import { namelessCommand } from "./shell-nameless.ts";
import {
  commandWord,
  isNoCommand,
  keepWord,
  knownKind,
  PREFIXES,
  wordEnd,
  wordPath,
  wordSplit,
} from "./shell-word.ts";

const START_ARGUMENT =
  /^(?:\/(?:etc|bin|usr|var|tmp|proc|dev|home|root|opt|sys)(?:\/|$|\s)|~\/|https?:\/\/|ftp:\/\/|\d{1,3}(?:\.\d{1,3}){3}\b|-[ce]\s{1,4}["']?\w|\$\{?[A-Za-z(]|["']\/|\/\s{0,4}(?:$|[-|;&>])|[a-z]:\\|>\s?\/|\\|\.\.?\/|\/[\w./-]{0,24}\[|-wrapper\s)/i;

/** Programs that tell about the machine, with what they are asked for: no sentence is written so. */
const RECONNAISSANCE =
  /^(?:(?:uname|netstat|ifconfig|ps|id|arp|lsof|whoami|hostname|lsb_release|lastlog)(?:\s{1,4}-{1,2}[a-zA-Z]{1,12}){1,3}|ps\s{1,4}-?(?:aux?w{0,2}|ef)|whoami\s{1,4}\/(?:all|priv|groups)|which\s{1,4}(?:nc|netcat|ncat|socat|nmap|wget|curl|gcc|perl|telnet|tcpdump)|(?:nc|ncat|netcat)\s{1,4}-[a-z]{1,6}\s{1,4}\S{1,60}(?:\s{1,4}\d{1,5})?)\s{0,4}$/;
/** Such a program, and what would separate it from the next one. */
const CUT = /^(?:id|ls|pwd|ps|whoami|uname|ifconfig|netstat|printenv|hostname)\s?(?:;|\||&{1,2})$/;
/** A command behind another one, and nothing else. */
const WRAPPED =
  /^(?:time|strace|ltrace|nohup|setsid|stdbuf|sudo|doas|busybox)\s{1,4}(?:ifconfig|netstat|whoami|uname|id|printenv|lsb_release|arp|lsof|wget|nc|ncat|netcat)(?:\s{1,4}-[a-z]{1,8}){0,3}\s{0,4}&?\s{0,4}$/;

/** Whether a value without marks may be such a command. */
export function namesCommand(value: string): boolean {
  switch (value.charCodeAt(0)) {
    case 0x70: // ps
      return value.charCodeAt(1) === 0x73;
    case 0x77: // which
      return value.startsWith("which");
    case 0x74: // time
    case 0x73: // strace stdbuf sudo setsid
    case 0x6c: // ltrace
    case 0x6e: // nohup
    case 0x64: // doas
    case 0x62: // busybox
      return value.length < 80 && WRAPPED.test(value);
    default:
      return false;
  }
}

/** Options with which ssh, git, tar and their kin start a program. */
const OPTION =
  /^(?:-o\s?ProxyCommand\s?=|--(?:upload|receive)-pack=|--exec=|--use-askpass=|--output(?:-document|-dir)?=\/|--checkpoint-action=exec|--to-command=|-c\s?core\.\w{1,20}=)/i;

/** A value that is a command and nothing else. */
export function startsWithCommand(value: string): Finding | undefined {
  let from = 0;
  if (value.charCodeAt(0) === 0x2d) {
    const option = OPTION.exec(value);
    return option === null ? undefined : { sign: "option", start: 0, end: option[0].length };
  }
  if (value.charCodeAt(0) === 0x2f && namelessCommand(value, 0, 0) !== undefined)
    return { sign: "guessed-program", start: 0, end: Math.min(value.length, 60) };
  if (value.charCodeAt(0) === 0x27 || value.charCodeAt(0) === 0x22) {
    // "tail -c 2" and "touch 01" now agree
    const close = value.indexOf(value.charAt(0), 1);
    if (close > 0 && /^[,.]?\s[a-z]{2,12}\s/i.test(value.slice(close + 1, close + 16)))
      return undefined;
    from = 1;
  }
  const binary = value.indexOf("bin/", from);
  const isBinary = binary >= 0 && binary <= from + 36;
  if (!isBinary && isNoCommand(value, from)) return undefined;
  let name = commandWord(value, from);
  const first = name;
  if (name === "") return undefined;
  if (
    value.length < 100 &&
    knownKind(name) > 0 &&
    (RECONNAISSANCE.test(value) || WRAPPED.test(value) || CUT.test(value))
  )
    return { sign: "command-line", start: 0, end: value.length };
  if (
    isBinary &&
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
    steps < 3 && isSpaceCode(value.charCodeAt(wordEnd)) && PREFIXES.test(name.toLowerCase());
    steps++
  ) {
    const end = wordEnd;
    const split = wordSplit;
    const next = commandWord(value, end);
    // busybox -c "…": an option, and no other command
    if (next.startsWith("-") || next === "") {
      keepWord(end, split);
      break;
    }
    name = next;
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
  const argument = rest.replace(/^(?:-{1,2}[\w=:-]{1,24}\s{1,4}(?:\d{1,6}\s{1,4})?){1,4}/, "");
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
