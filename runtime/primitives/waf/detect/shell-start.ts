import { isSpaceCode } from "./characters.ts";
import type { Finding } from "./finding.ts";
import { namelessCommand } from "./shell-nameless.ts";
import { commandWord, knownKind, PREFIXES, wordEnd, wordPath, wordSplit } from "./shell-word.ts";

const START_ARGUMENT =
  /^(?:\/(?:etc|bin|usr|var|tmp|proc|dev|home|root|opt|sys)(?:\/|$|\s)|~\/|https?:\/\/|ftp:\/\/|\d{1,3}(?:\.\d{1,3}){3}\b|-[ce]\s{1,4}["']?\w|\$\{?[A-Za-z(]|["']\/|\/(?:$|\s)|[a-z]:\\|>\s?\/|\\|\.\.?\/)/i;

/** Options with which ssh, git, tar and their kin start a program. */
const OPTION =
  /^(?:-o\s?ProxyCommand\s?=|--(?:upload|receive)-pack=|--exec=|--use-askpass=|--checkpoint-action=exec|--to-command=|-c\s?core\.\w{1,20}=)/i;

/** A value that is a command and nothing else. */
export function startsWithCommand(value: string): Finding | undefined {
  let from = 0;
  if (value.charCodeAt(0) === 0x2d) {
    const option = OPTION.exec(value);
    return option === null ? undefined : { sign: "option", start: 0, end: option[0].length };
  }
  if (value.charCodeAt(0) === 0x2f && namelessCommand(value, 0, 0) !== undefined)
    return { sign: "guessed-program", start: 0, end: Math.min(value.length, 60) };
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
    steps < 3 && isSpaceCode(value.charCodeAt(wordEnd)) && PREFIXES.test(name.toLowerCase());
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
