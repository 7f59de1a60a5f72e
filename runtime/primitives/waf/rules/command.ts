import { BRACKET, DASH, EQUAL, PAREN, QUESTION, SLASH, SPACE, STAR } from "../detect/characters.ts";
import { detectShell } from "../detect/shell.ts";
import { REVERSE_WORDS } from "../detect/shell-signs.ts";
import { detectWindowsShell, WINDOWS_URL_WORDS, WINDOWS_WORDS } from "../detect/windows-shell.ts";
import type { Rule, WafVariable } from "../rule.ts";
import { DECODED, INPUT, INPUT_AND_FIELDS, QUIET_FIELDS } from "./places.ts";

const TAGS = ["rce", "attack-rce"];

export const COMMAND_RULES: readonly Rule[] = [
  {
    id: "rce-unix",
    message: "A command for a Unix shell",
    tags: TAGS,
    variables: INPUT_AND_FIELDS,
    except: QUIET_FIELDS,
    transformations: DECODED,
    operator: { detect: detectShell },
    needs: {
      minLength: 3,
      characters: ";|&`$\n\r<>{\\ ",
      pairs: [[SLASH, QUESTION | STAR | BRACKET]],
      urlGroups: REVERSE_WORDS,
    },
  },
  {
    id: "rce-windows",
    message: "A command for cmd.exe or PowerShell",
    tags: TAGS,
    variables: INPUT_AND_FIELDS,
    except: [...QUIET_FIELDS, "REQUEST_HEADERS:user-agent", "REQUEST_HEADERS:referer"],
    transformations: DECODED,
    operator: { detect: detectWindowsShell },
    needs: {
      minLength: 4,
      characters: "|&;%\\\n+",
      groups: WINDOWS_WORDS,
      pairs: [[SPACE, DASH | EQUAL | PAREN | SLASH]],
      urlGroups: WINDOWS_URL_WORDS,
    },
  },
  {
    id: "rce-parameter",
    message: "A parameter named as a command, set to one that tells about the machine",
    tags: TAGS,
    variables: ["cmd", "command", "exec", "execute", "shell", "run"].map(
      (name): WafVariable => `ARGS:${name}`,
    ),
    transformations: [["urlDecodeDeep", "trim"]],
    operator: {
      rx: /^(?:whoami|uname|ifconfig|ipconfig|netstat|systeminfo|printenv|tasklist|lsb_release)(?:\.exe)?$/i,
    },
    needs: { minLength: 5 },
  },
  {
    id: "rce-separator",
    message: "A separator of commands before a program's name",
    tags: TAGS,
    paranoia: 2,
    variables: INPUT,
    transformations: [["urlDecodeDeep", "cmdLine"]],
    operator: {
      rx: /(?:[|&`\n]|\$\()\s{0,4}(?:cat|ls|id|wget|curl|bash|sh|nc|ping|sleep|whoami|uname|python\d?|perl|php|ruby|echo|dir|type|net|powershell|cmd|nslookup|ifconfig|ipconfig)\b/i,
    },
    needs: { characters: ";|&`$\n" },
  },
  {
    id: "rce-substitution",
    message: "A substitution of a shell",
    tags: TAGS,
    paranoia: 2,
    severity: "error",
    variables: INPUT,
    transformations: DECODED,
    operator: { rx: /\$\(|\$\{|<\(|>\(|`[^`]{1,60}`/ },
    needs: { characters: "$`<>" },
  },
  {
    id: "rce-words",
    message: "A program's name at the start",
    tags: TAGS,
    paranoia: 3,
    severity: "warning",
    variables: ["ARGS", "REQUEST_COOKIES"],
    transformations: [["urlDecodeDeep", "cmdLine"]],
    operator: {
      rx: /^\s{0,4}(?:cat|ls|id|wget|curl|bash|sh|nc|ping|whoami|uname|python\d?|perl|php|ruby|powershell|cmd|nslookup|ifconfig|ipconfig|netstat)(?:\s|$)/i,
    },
  },
];
