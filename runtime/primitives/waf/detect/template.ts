import {
  AT,
  BRACE,
  BRACKET,
  characterClasses,
  DOLLAR,
  HASH,
  isLetterCode,
  LESS,
  PERCENT,
  QUESTION,
} from "./characters.ts";
import type { Finding } from "./finding.ts";

// Expressions for template engines and expression languages. A placeholder with a name
// ({{user.name}}, ${title}, #{name}) is what honest templates hold; arithmetic on constants,
// calls, dunder attributes, class names and directives are not.

const PAIRS: readonly (readonly [string, string])[] = [
  ["{{", "}}"],
  ["${", "}"],
  ["#{", "}"],
  ["*{", "}"],
  ["@{", "}"],
  ["~{", "}"],
  ["%{", "}"],
  ["{%", "%}"],
  ["<%", "%>"],
  ["{@", "}"],
  ["@(", ")"],
  ["{#", "#}"],
  ["{=", "}"],
  ["[[", "]]"],
  ["$[", "]"],
];
const LONGEST = 600;

const SUM = /(?:^|[^\w.])-?\d{1,12}\s{0,4}[*+/%^-]\s{0,4}['"]?-?\d{1,12}\b|\d'?\s{0,2}\*\s{0,2}'\d/;
const DUNDER =
  /__(?:class|mro|bases?|subclasses|globals|builtins|import|init|getattribute|dict|self|call|code|getitem|name|reduce|doc)__|\|\s{0,4}attr\s{0,4}\(|\['__|\\x5f\\x5f/;
const OBJECT =
  /(?:^|[^\w$])(?:T\s{0,4}\(|self\s{0,4}\.\s{0,4}(?:_|env|\w{1,20}\()|config\b(?:\s{0,4}$|\s{0,4}[.[|])|request\s{0,4}(?:$|[.[|]\s{0,4}(?:application|args|environ|__|attr|getClass|\w{1,20}\[))|_self\b|_context\b|settings\.SECRET|lipsum\b|cycler\b|joiner\b|namespace\b\s?[.(]|url_for\b\s?[.(]|get_flashed_messages\b|constructor\b|process\b\s?\.\s?(?:mainModule|binding|env\b)|global\b\s?\.|require\s?\(|import\s?\(|class\.|getClass\b|forName\s?\(|getRuntime\b|runtime\.|Runtime\b|ProcessBuilder|ScriptEngine|freemarker\b|springMacroRequestContext|applicationScope|sessionScope|requestScope|pageContext|param\.\w|facesContext|systemProperties|ex\s?\(|exec\b|system\s?\(|shell_exec|passthru|popen\b|phpinfo|eval\s?\(|file\.\w{1,12}\s?\(|File\.|Dir\.|IO\.|Kernel\.|ENV\b|dump\s?\(|app\.request|php\b|env\s{0,4}[.(:[]|sys:|lower:|upper:|date:|java:|ctx:|main:|bundle:|web:|k8s:|log4j:|jndi\b|jndi:|ldap:|::-|script:|dns:|url:)/;
const CALL =
  /\w\s{0,4}\(\s{0,4}(?:["'`)]|\d|[\w.]{1,40}\s{0,4}[),])|\|\s{0,4}(?:map|filter|sort|reduce|attr|join|list|safe|passthru|system|exec|e|first|upper)\s{0,4}(?:\(|\}|\|)|\[\s{0,4}["']|["']\s{0,4}[*+.|~]\s{0,4}(?:["'\d]|\w{1,20}\s?\()|\d\s{0,4}\*\s{0,4}["']/;
const RESCUE =
  /new\s{1,8}[\w.]{1,60}\s?\(|@[\w.]{4,80}@|#\w{1,30}\s{0,4}=|\(#|\.\w{1,40}\(\)\.\w{1,40}\(/;
const DIRECTIVES =
  /<#(?:assign|import|include|list|function|macro|attempt|global|local|setting)\b|#set\s?\(\s?\$|#(?:foreach|evaluate|include|parse|define)\s?\(|\{(?:php|literal|fetch|include|extends|eval|math|system|if)(?:\}|\s{1,4}[^{}]{0,100}(?:system|exec|phpinfo|passthru|readfile|file_get_contents|php_uname|\$smarty|=\s?['"]\/)[^{}]{0,100}\})|\{\$smarty\b|\{Smarty_|\{@(?:math|eval)\s|\$\$\{|\{\$\{\w{2,20}\(|\$class\.inspect|<%\s{0,4}(?:=|-|@|system|import|require|out\.|Runtime|Response|eval|exec|%)|\?new\s?\(\)|\?(?:api|interpret|eval)\b|\{\{\s{0,4}=\s{0,4}|\{\{\s{0,4}@|@\{[^{}]{0,60}\b(?:system|exec)|\{%-?\s{0,4}debug\s{0,4}-?%\}|\{%\s{0,4}(?:import|include|extends|load|debug|set|for|if|with|call|macro|raw)\b[^%]{0,400}(?:__|['"]\/|popen|config|\bos\b)|#\{\s?%x|\{\{#with\b|\{\{#each\b.{0,80}(?:constructor|lookup)|\$\{\{(?!\s{1,2}[\w.-]{1,60}\s{1,2}\}\})|\{\{\{[^{}]{0,40}(?:constructor|require)|<\?\s{0,4}lsp|\{\{\s{0,4}['"]?\w{0,20}['"]?\s{0,4}\.\s{0,4}constructor|@(?:import\s|System\.|Html\.Raw|DateTime|\(\s?\d)|\{!!|\{\{\s{0,4}(?:range|template|printf|println|html|js|call)\s/i;

const PLACEHOLDER = /<%[=-]\s{0,4}@?[a-z_]\w{0,40}(?:\.[a-z_]\w{0,40}){0,3}\s{0,4}-?%>/g;

/** Server-side template and expression-language injection, Log4j lookups among them. */
export function detectTemplate(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if (
    (classes & (BRACE | BRACKET | LESS)) === 0 &&
    ((classes & AT) === 0 || !value.includes("@("))
  ) {
    if (
      (classes & (DOLLAR | HASH)) === 0 ||
      !/#(?:set|foreach|evaluate|include|parse)\s?\(/.test(value)
    )
      return undefined;
  }
  if ((classes & (BRACE | PERCENT | HASH | AT | DOLLAR | BRACKET)) === 0) return undefined;
  // <%= name %> is a placeholder; what it names is asked below.
  const text = value.includes("<%") ? value.replace(PLACEHOLDER, "") : value;
  const directive = mayBeDirective(value, classes) ? DIRECTIVES.exec(text) : null;
  if (directive !== null && !isStyle(text, directive.index))
    return {
      sign: "directive",
      start: directive.index,
      end: directive.index + directive[0].length,
    };
  if (!mayOpen(value)) return undefined;
  for (const [open, close] of PAIRS) {
    let tries = 0;
    for (
      let at = value.indexOf(open);
      at >= 0 && tries < 64;
      at = value.indexOf(open, at + open.length), tries++
    ) {
      const from = at + open.length;
      const window = value.slice(from, from + LONGEST);
      const closing = window.indexOf(close);
      const inner = closing < 0 ? window : window.slice(0, nested(window, closing, close));
      const found = expressionSign(inner, open, closing >= 0);
      if (found !== undefined)
        return {
          sign: found,
          start: at,
          end: Math.min(value.length, from + inner.length + close.length),
        };
    }
  }
  return undefined;
}

/** Without any of the other signs, a directive begins with a brace and a word, a brace or an exclamation mark. */
function mayBeDirective(value: string, classes: number): boolean {
  if ((classes & (DOLLAR | HASH | AT | PERCENT | LESS | QUESTION)) !== 0) return true;
  for (let at = value.indexOf("{"); at >= 0; at = value.indexOf("{", at + 1)) {
    const next = value.charCodeAt(at + 1);
    if (isLetterCode(next) || next === 0x7b || next === 0x21) return true;
  }
  return false;
}

/** Whether one of {@link PAIRS} may be opened: two signs side by side, the second or the first of them a bracket. */
function mayOpen(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code !== 0x7b && code !== 0x5b && code !== 0x28 && code !== 0x3c) continue;
    if (OPENING.includes(value.charAt(at - 1)) && at > 0) return true;
    if (OPENING.includes(value.charAt(at + 1)) && at + 1 < value.length) return true;
  }
  return false;
}

/** What stands beside a bracket in {@link PAIRS}. */
const OPENING = "{$#*@~%=[";

// ${${lower:j}ndi:…}: the first brace closes the inner one
function nested(window: string, closing: number, close: string): number {
  return close === "}" && window.lastIndexOf("{", closing) >= 0
    ? Math.max(closing, window.lastIndexOf("}"))
    : closing;
}

function expressionSign(inner: string, open: string, closed: boolean): string | undefined {
  if (inner.length === 0) return undefined;
  if (DUNDER.test(inner)) return "dunder";
  // {{#expr: 1 + 2}}, {{#if: …}}: functions of a wiki's parser
  if (open === "{{" && /^(?:#[a-z]{2,20}|[A-Z]{3,12}):/.test(inner)) return undefined;
  const lookup = open === "${" && /^(?:jndi|(?:\$\{|\w{1,12}:)[^}]{0,200}:)/i.test(inner);
  if (
    lookup &&
    /^(?:jndi\b|\$\{|(?:env|sys|lower|upper|date|java|ctx|main|bundle|web|k8s|log4j|script|dns|url|base64Decoder|file|const|urlDecoder|xml|properties|docker|spring|jvmrunargs|map|marker|sd|event)?:)/i.test(
      inner,
    )
  )
    return "lookup";
  if (open === "$[" || open === "[[") {
    return closed && /^\s{0,4}[$#*]?\{?\s{0,4}-?\d{1,12}\s{0,4}[*+]\s{0,4}-?\d{1,12}/.test(inner)
      ? "expression"
      : undefined;
  }
  if (open === "@(" || open === "{=" || open === "{#")
    return closed && /^\s{0,4}\d{1,12}\s{0,4}[*+-]\s{0,4}\d{1,12}\s{0,4}$/.test(inner)
      ? "expression"
      : undefined;
  if (
    open === "{{" &&
    inner.startsWith("{") &&
    closed &&
    /^\{\s?\w/.test(inner) &&
    !SUM.test(inner)
  )
    return undefined;
  if (!closed && (open === "${" || open === "{{") && /^["'\s]|:/.test(inner)) return undefined;
  if (open === "{{" && /^\s?["'\n]/.test(inner) && /["']\s{0,4}:/.test(inner)) return undefined; // JSON in JSON
  if (open === "{%" || open === "<%")
    return closed || open === "<%"
      ? SUM.test(inner) || OBJECT.test(inner) || CALL.test(inner)
        ? "expression"
        : undefined
      : undefined;
  if (SUM.test(inner) && inner.length < 120 && !(open === "${" && /[;{\n]/.test(inner)))
    return "expression";
  if (OBJECT.test(inner) && inner.length < LONGEST) return "expression";
  if (RESCUE.test(inner)) return "expression";
  // A call inside ${…} is what JavaScript's template strings hold; inside the others it is not.
  if (
    open !== "${" &&
    open !== "{@" &&
    closed &&
    CALL.test(inner) &&
    !/^\s{0,4}(?:t|i18n|translate|asset|url|path|trans|formatDate|format)\s?\(/.test(inner) &&
    !/^\s{0,4}[\w.]{1,60}\s{0,4}\|\s{0,4}\w{1,20}\s{0,4}$/.test(inner)
  ) {
    return open === "{{" || open === "#{" || open === "%{" || open === "*{"
      ? "expression"
      : undefined;
  }
  return undefined;
}

// "@import url(…)" of a style sheet
function isStyle(value: string, at: number): boolean {
  return (
    value.charCodeAt(at) === 0x40 && /^@import\s{0,4}(?:url|["'])/i.test(value.slice(at, at + 20))
  );
}
