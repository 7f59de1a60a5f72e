import { isDigitCode, isLetterCode, isSpaceCode, isWordCode } from "./characters.ts";
import { Names, TECHNICAL, WORDY } from "./shell-words.ts";

// The word at a command position, read as the shell reads it: quotes, backslashes and empty variables
// inside a name vanish.

/** Names that show something when run without arguments. */
export const LONE =
  /^(?:id|ls|pwd|who|env|set|ps|top|htop|whoami|uname|ifconfig|netstat|printenv|hostname|dir|uptime|lsb_release|lastlog|aptitude|last|w|df|mount|arp|dmesg|sh|bash|zsh|ksh|csh|dash)$/;
/** Words that run the command after them. */
const PREFIX_WORDS: ReadonlySet<string> = new Set(
  "time nohup strace ltrace sudo doas exec command builtin env nice ionice setsid stdbuf xargs busybox then do else eval".split(
    " ",
  ),
);
export const PREFIXES = new RegExp(`^(?:${[...PREFIX_WORDS].join("|")})$`);

const MAX_NAME = 32;

export let wordEnd = 0;
/** The name was written with quotes, backslashes or variables inside. */
export let wordSplit = false;
export let wordPath = false;

/** Goes back to a word that was read before. */
export function keepWord(end: number, isSplit: boolean): void {
  wordEnd = end;
  wordSplit = isSplit;
}

/** Reads the command word at `from` as a shell would; "" where none stands. */
export function commandWord(value: string, from: number): string {
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
  wordSplit = false;
  wordPath = false;
  // Nearly every word is written plainly: then it is a slice.
  const end = plainEnd(value, at, limit);
  if (end - at <= MAX_NAME && (end === limit || !isInsideName(value.charCodeAt(end)))) {
    wordEnd = end;
    return value.slice(at, end);
  }
  let name = "";
  let letters = 0;
  for (; at < limit; at++) {
    const code = value.charCodeAt(at);
    if (code === 0x27 || code === 0x22 || code === 0x5c) {
      if (letters > 0 && at + 1 < value.length && isLetterCode(value.charCodeAt(at + 1)))
        wordSplit = true;
      continue;
    }
    // i`true`d: what shows nothing inside a name
    if (code === 0x60 && letters > 0) {
      const close = value.indexOf("`", at + 1);
      if (close < 0 || close > at + 12 || !isLetterCode(value.charCodeAt(close + 1))) break;
      wordSplit = true;
      name += said(value.slice(at + 1, close));
      at = close;
      continue;
    }
    if (code === 0x24) {
      const next = value.charCodeAt(at + 1);
      // wh$(echo o)ami
      if (next === 0x28 && letters > 0) {
        const close = value.indexOf(")", at);
        const text = close > 0 && close < at + 16 ? said(value.slice(at + 2, close)) : "";
        if (text !== "" && isLetterCode(value.charCodeAt(close + 1))) {
          wordSplit = true;
          name += text;
          at = close;
          continue;
        }
      }
      // wh$()oami
      if (next === 0x28 && value.charCodeAt(at + 2) === 0x29 && letters > 0) {
        wordSplit = true;
        at += 2;
        continue;
      }
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
      if (letters > MAX_NAME) break;
      continue;
    }
    break;
  }
  wordEnd = at;
  return name;
}

/** What a substitution inside a name puts there. */
function said(command: string): string {
  return /^(?:echo|printf)\s{1,4}["']?([a-z]{1,8})["']?$/.exec(command)?.[1] ?? "";
}

function plainEnd(value: string, from: number, limit: number): number {
  let at = from;
  for (; at < limit; at++) {
    const code = value.charCodeAt(at);
    const isPart =
      isLetterCode(code) ||
      isDigitCode(code) ||
      code === 0x5f ||
      (at > from && (code === 0x2d || code === 0x2e));
    if (!isPart) break;
  }
  return at;
}

/** Quotes of all kinds, backslashes, `$` and `/` do not end what the shell takes for a name. */
function isInsideName(code: number): boolean {
  return (
    code === 0x27 ||
    code === 0x22 ||
    code === 0x60 ||
    code === 0x5c ||
    code === 0x24 ||
    code === 0x2f
  );
}

const VERSIONED = /^(?:python|perl|php|ruby|gcc|node|pip|lua)[0-9.]{1,6}$/;
const MAY_BE_VERSIONED = "prgnl";

const NAMES = new Names(TECHNICAL, WORDY, PREFIX_WORDS);

/**
 * Whether {@link commandWord} finds nothing here that {@link knownKind} or {@link PREFIXES} know. False: it may find something.
 * Nearly all words are told so, apostrophes in them or not.
 */
export function isNoCommand(value: string, from: number): boolean {
  const limit = Math.min(value.length, from + 160);
  let at = from;
  while (at < limit) {
    const code = value.charCodeAt(at);
    if (!isSpaceCode(code) && code !== 0x28 && code !== 0x7b) break;
    at++;
  }
  let first = 0;
  let second = 0;
  let last = 0;
  let length = 0;
  let letters = 0;
  for (; at < limit && letters <= MAX_NAME; at++) {
    const code = value.charCodeAt(at);
    if (code === 0x27 || code === 0x22 || code === 0x5c) continue;
    // Variables and substitutions may vanish.
    if (code === 0x24 || code === 0x60) return false;
    if (code === 0x2f) {
      length = 0;
      continue;
    }
    const isPart =
      isLetterCode(code) ||
      isDigitCode(code) ||
      code === 0x5f ||
      (letters > 0 && (code === 0x2d || code === 0x2e));
    if (!isPart) break;
    letters++;
    length++;
    if (length === 1) {
      first = code;
      second = 0;
    } else if (length === 2) {
      second = code;
    }
    last = code;
  }
  return length === 0 || !mayBeKnown(first, second, last, length);
}

function mayBeKnown(first: number, second: number, last: number, length: number): boolean {
  if (NAMES.mayHave(first, second, last, length)) return true;
  // python3.14 is in no list.
  return isDigitCode(last) && MAY_BE_VERSIONED.includes(String.fromCharCode(first));
}

export function knownKind(name: string): 0 | 1 | 2 {
  const { length } = name;
  const last = name.charCodeAt(length - 1);
  const second = length > 1 ? name.charCodeAt(1) : 0;
  if (!mayBeKnown(name.charCodeAt(0), second, last, length)) return 0;
  if (TECHNICAL.has(name)) return 2;
  if (isDigitCode(last) && VERSIONED.test(name)) return 2;
  return WORDY.has(name) ? 1 : 0;
}
