import {
  BRACE,
  DASH,
  DOLLAR,
  EQUAL,
  isSpaceCode,
  isWordCode,
  LESS,
  PIPE,
  SEMICOLON,
  SLASH,
  SPACE,
  literalGroup,
  literalGroups,
} from "./characters.ts";
import { sign, type Finding } from "./finding.ts";
import { countWords } from "./prose.ts";
import { globbedPath } from "./shell-glob.ts";
import { knownKind } from "./shell-word.ts";

// What only shells write: devices, variables of theirs, expansions, pipes into a shell.

const DEVICE = /\/dev\/(?:tcp|udp)\/|[<>]\s?&\s?[0-9]\s{0,2}(?:[;0-9|]|$)|\b(?:0|1|2)>&(?:1|2)\b/;
const SHELLSHOCK = /\(\s{0,4}\)\s{0,4}\{/;
const FIELD_SEPARATOR =
  /\$\{?IFS\b|\$\{?PATH[:#%]|\$\{?(?:BASH|SHELL|HOSTNAME|HOME|PWD|SHLVL|LS_COLORS)(?:[:#%][^}]{0,20})?\}?(?:$|\s{0,4}(?:$|[|;&-]))|\$\{[A-Za-z_]\w{0,20}(?:,{1,2}|\^{1,2})\}|\$\{[#!]?[A-Za-z_]{0,20}[#%:][^}]{0,20}\}(?=[\w/])|\$'\\(?:x[0-9a-f]{2}|[0-7]{3})/;
const PROCESS = /(?:^|[\s;|&=])[<>]\((?:cmd|[a-z]{2,12}(?:\)|\s))|<<<\s{0,4}["'$\w(]/;
const SUM =
  /\$\(\(\s?-?[0-9]{1,10}\s?[*+-]\s?[0-9]{1,10}\s?\)\)|\$\[\s?[0-9]{1,10}\s?[*+-]\s?[0-9]{1,10}\s?\]|\bexpr\s{1,4}[0-9]{1,10}\s{1,4}[*+-]/;
const ENCODED =
  /\|\s{0,4}(?:base64|base32|xxd|openssl|rev|tac)\b[^|]{0,40}\|\s{0,4}(?:ba|z|k|c|da)?sh\b|\|\s{0,4}(?:ba|z|k|da)?sh(?:\s{0,4}(?:$|[;|&"'`)<])|\s{1,4}-)/;
/** Loops, conditions and cases on one line. */
const CONTROL =
  /\b(?:for|while|until|if)\s[^;]{1,80};\s{0,4}(?:then|do)\s[^;]{1,120};\s{0,4}(?:fi|done)(?:\s|$|[;|&<)])|;;\s{0,4}esac\b/;
const FUNCTION =
  /(?:^|[;|&\s])([A-Za-z_]\w{0,15})\(\)\s{0,2}\{[^{}]{1,120};\s{0,4}\}\s{0,4};\s{0,4}([A-Za-z_]\w{0,15})\s{0,4}(?:$|[;|&#])/;
const REVERSE_SHELL =
  /\b(?:nc|ncat|netcat)\s(?:-?[\w.:]{1,40}\s){0,4}-[a-z]{0,3}[ec]\s|\bmkfifo\s\/|\bsocat\s[\w:.,-]{1,40}\s(?:exec|system):|\bIO::Socket|\bTCPSocket\.(?:new|open)|\bsocket\.socket\s?\(/i;
export const REVERSE_WORDS = literalGroup([
  "ncat",
  "netcat",
  "mkfifo",
  "socket",
  "socat",
  "ockopen",
  "exec",
  // Besides, what is looked for by name below.
  "/dev/",
  "alias",
]);
const NC = /\bnc\s/i;
const BRACES =
  /(?:^|[\s;|&`(=])\{(?:[a-z/]{0,12},)(?:[a-z/.-]{0,24}(?:,[^{}\s"':]{0,24}){0,3})\}|(?:^|[;|&`(=])[a-z]{0,4}\{[a-z]{1,6},[a-z-]{1,8}\}[a-z]{0,4}(?:$|[\s;|&])/;
const ALIAS = /(?:^|[;|&\n])\s{0,4}alias\s{1,4}(?:[+-][a-z+]{1,6}\s{1,4})?["']?[\w.-]{1,20}["']?=/;

// Some of what regular expressions take for white space is above ASCII.
function mayBeSpace(code: number): boolean {
  return isSpaceCode(code) || code >= 0x80;
}

/** A semicolon, and what may be the word that ends a block. */
function mayControl(value: string): boolean {
  for (let at = value.indexOf(";"); at >= 0; at = value.indexOf(";", at + 1)) {
    let end = at + 1;
    while (end < at + 5 && mayBeSpace(value.charCodeAt(end))) end++;
    // fi done esac
    const code = value.charCodeAt(end);
    if (code === 0x66 || code === 0x64 || code === 0x65) return true;
  }
  return false;
}

// "resolves to the {from,resolved} of it", "--algorithm={sha1,sha256}": words in braces, of which none begins a command
function isListOfNames(value: string, { start, end }: Finding): boolean {
  const text = value.slice(start, end);
  const open = text.indexOf("{");
  if (!/[\s=`]/.test(text.charAt(open - 1))) return false;
  const items = text.slice(open + 1, text.indexOf("}", open)).split(",");
  return (
    items.length > 1 &&
    items.every((item) => /^[a-z]\w{0,24}$/i.test(item)) &&
    (knownKind(items[0]!.toLowerCase()) === 0 || /^\S*[\w/]/.test(value.slice(end)))
  );
}

/** Signs that tell a shell by themselves, wherever they stand. */
export function literalSign(value: string, classes: number): Finding | undefined {
  const isWorded = (literalGroups(value) & REVERSE_WORDS) !== 0;
  const isRedirected = (classes & LESS) !== 0 || ((classes & EQUAL) !== 0 && value.includes(">"));
  if ((classes & (SLASH | EQUAL)) !== 0 && (classes & (SLASH | PIPE)) !== 0) {
    const found =
      (isWorded && value.includes("/dev/")) || (isRedirected && value.includes("&"))
        ? sign(value, DEVICE, "device")
        : undefined;
    if (
      found !== undefined &&
      !/<\s?&\s?[0-9]/.test(value.slice(found.start, found.start + 1)) &&
      // "append 2>&1 to the line of the job": what follows the command is no command
      !(/^[012]>&[12]$/.test(value.slice(found.start, found.end)) && countWords(value) >= 8)
    )
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
    const called = FUNCTION.exec(value);
    if (called !== null && called[1] === called[2])
      return { sign: "function", start: called.index, end: called.index + called[0].length };
    const braces = value.length < 200 ? sign(value, BRACES, "brace-expansion") : undefined;
    if (braces !== undefined && !isListOfNames(value, braces)) return braces;
  }
  if ((classes & DOLLAR) !== 0) {
    const found =
      sign(value, FIELD_SEPARATOR, "shell-variable") ?? sign(value, SUM, "shell-arithmetic");
    if (
      found !== undefined &&
      (found.sign !== "shell-variable" ||
        !/^\$\{?(?:HOME|PWD|HOSTNAME|PATH|BASH|SHLVL)/.test(value.slice(found.start)) ||
        // ${PATH:0:1} is a slash
        /^\$\{\w{2,20}:\d/.test(value.slice(found.start, found.start + 24)) ||
        found.start === 0)
    )
      return found;
  }
  if (isRedirected) {
    const found = sign(value, PROCESS, "process-substitution");
    if (found !== undefined && !(value.charCodeAt(found.start) === 0x3c && value.includes("</")))
      return found;
  }
  if ((classes & SEMICOLON) !== 0 && mayControl(value)) {
    const found = sign(value, CONTROL, "control");
    if (found !== undefined) return found;
  }
  if ((classes & PIPE) !== 0 && value.includes("|")) {
    const found = sign(value, ENCODED, "piped-shell");
    if (found !== undefined && !/^\|\s?(?:sh|bash)\s?\|/.test(value.slice(found.start)))
      return found;
  }
  if ((classes & (SPACE | PIPE)) !== 0) {
    const found =
      (isWorded || ((classes & DASH) !== 0 && NC.test(value))
        ? sign(value, REVERSE_SHELL, "reverse-shell")
        : undefined) ??
      (!isWorded || (classes & EQUAL) === 0 || !value.includes("alias")
        ? undefined
        : sign(value, ALIAS, "alias"));
    if (found !== undefined) return found;
  }
  return (classes & SLASH) === 0 ? undefined : globbedPath(value, classes);
}
