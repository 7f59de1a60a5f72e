import {
  AT,
  BRACE,
  BRACKET,
  characterClasses,
  COLON,
  DOLLAR,
  EQUAL,
  isSpaceCode,
  literalGroup,
  literalGroups,
  PAREN,
  PIPE,
  QUOTE,
  SEMICOLON,
  SLASH,
  spaced,
  STAR,
} from "./characters.ts";
import { sign, type Finding } from "./finding.ts";

// Queries that are no SQL: document stores, directories, XPath.

const OPERATORS =
  "ne|eq|gt|gte|lt|lte|in|nin|not|nor|or|and|all|regex|where|exists|type|mod|text|elemMatch|size|expr|jsonSchema|comment|options|search|near|within|lookup|match|group|unionWith|function|accumulator|set|unset|inc|push|pull|rename|out|merge|geoWithin|slice|bitsAllSet|rand|sample|natural";
/**
 * Keys of other worlds too: what a beacon sets about a person, the type of a record, a schema's comment, a search of OData. In
 * brackets behind a parameter's name they are none of those.
 */
const SHARED_KEYS = new Set(["set", "unset", "type", "comment", "search"]);
const KEYS = OPERATORS.split("|")
  .filter((name) => !SHARED_KEYS.has(name))
  .join("|");
const NOSQL_KEY = new RegExp(
  String.raw`\[\s?["']?\$(?:${OPERATORS})["']?\s?\]|["'{,\s]\s?\$(?:${KEYS})["']?\s{0,4}:|[\]}],\s?\$(?:${OPERATORS})\s?:|(?:^|\.)\$(?:${KEYS})$|^\s?\$(?:${KEYS})["']?\s?:`,
  "i",
);
const NOSQL_CODE =
  /\bdb\s?\.\s?[\w.[\]"']{1,60}\.\s?(?:insert|find|remove|update|drop|count|aggregate|save|ensureIndex|mapReduce|findOne|deleteMany|getCollectionNames)(?:One|Many)?\s?\(|\bdb\.(?:getCollectionNames|dropDatabase|adminCommand|version|getName)\s?\(|\bthis\.[\w.]{1,40}\s{0,4}(?:\.\s?(?:match|charAt|indexOf|length|substring)\b|={2,3}|!=|[<>])|["']\s{0,4}(?:\|\||&&)\s{0,4}(?:["']?\d{1,6}["']?\s{0,4}={2,3}|["'][^"']{0,20}["']\s{0,4}={2,3}|this\b|true\b|!?!?\d\b)|["']\s?[;}]\s{0,4}return\s{1,4}(?:["'\w(]|!)|\btojson\s?\(\s?[\w.]{2,30}\s?\)|\bObjectId\s?\(\s?["']|(?:["';}]|\d)\s{0,4};\s{0,4}(?:var\s\w{1,20}\s?=\s?new\sDate|while\s?\(|sleep\s?\(\s?\d|return\s(?:true|false|this)\b)|\bdo\s?\{\s?\w{1,20}\s?=\s?new\sDate\b|while\s?\(\s?(?:true|1|!0|!1|![^\s).]{0,40}|[-+]?(?:1|Infinity)|new\sDate|this|String|\(true\){1,3})\s?\)|\bgetCollection\s?\(/i;

const RANGE =
  /\{\s{0,4}(?:"\$[gl]te"\s{0,4}:\s{0,4}(?:\d[\d.]{0,16}|"\d{4}-\d\d-\d\d[T\d:.Z+-]{0,24}")\s{0,4},?\s{0,4}){1,2}(?=\})/g;

/** Of which {@link NOSQL_CODE} holds one, unless it begins with a logical operator. */
export const NOSQL_WORDS = literalGroup(
  "insert find remove update drop count aggregate save ensurei mapr delete getc getn admin version this. return date while sleep tojson objectid".split(
    " ",
  ),
);

/** Operators and code for document stores, in a value or in a parameter's name. */
export function detectNosql(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if (value.length < 3 || (classes & (DOLLAR | PAREN | QUOTE | SEMICOLON)) === 0) return undefined;
  if ((classes & DOLLAR) !== 0) {
    // {"price":{"$gte":10,"$lte":500}}: a range between numbers or days, as filters ask for
    const text = value.includes('te"') ? value.replace(RANGE, "{") : value;
    const found = sign(text, NOSQL_KEY, "operator");
    // A JSON schema's or an API's own "$type", "$set" in prose is no key.
    if (found !== undefined) return found;
  }
  if ((classes & (PAREN | PIPE | SEMICOLON | EQUAL)) === 0) return undefined;
  const mayBeCode =
    (literalGroups(value) & NOSQL_WORDS) !== 0 ||
    ((classes & PIPE) !== 0 && (value.includes("||") || value.includes("&&")));
  const code = mayBeCode ? sign(value, NOSQL_CODE, "code") : undefined;
  return code === undefined || isProgram(value, code) ? undefined : code;
}

// A line of a script or of C, whose loops and members are no condition of a document store
function isProgram(value: string, { start, end }: Finding): boolean {
  const text = value.slice(start, end);
  if (/^while/i.test(text)) {
    const isEnd =
      /\}\s{0,4}$/.test(value.slice(Math.max(0, start - 6), start)) && value.includes("do");
    return (
      isEnd ||
      (/^\s{0,4}\{\s{0,4}\n/.test(value.slice(end, end + 12)) && value.includes("\n", end + 12))
    );
  }
  return (
    text.startsWith("this.") &&
    (/\b(?:if|while|for)\s{0,2}\([^'"]{0,60}$/.test(value.slice(Math.max(0, start - 70), start)) ||
      /\b(?:const|let|var)\s\w{1,40}\s=\s[^'"]{0,60}$/.test(
        value.slice(Math.max(0, start - 110), start),
      )) &&
    !/['"]\s{0,2}(?:\|\||&&)/.test(value)
  );
}

const LDAP =
  /^\s?[*)(]{0,3}\*?\)\s{0,4}\(\s{0,4}[|&!]|\(\s?[|&!]\s?\(\s?[\w.;:-]{1,60}\s?(?:[~<>:]?=)|^\s?\(\s?[&|!]\s?\(|\)\s?\(\s?[|&!]?\(?\s?[\w-]{1,40}\s?[~<>]?=\s?[^()]{0,60}\*?\)?|\b(?:objectclass|userpassword|sAMAccountName|memberOf|uidNumber|givenName|distinguishedName)\s?(?:=\s?\*|:[\d.]{3,40}:=|[~<>]=|=\*\))|^\*\)\)|\*\)\)%00|\)\)\(\|?\(|\)\s?\(&\)|^\*\(\|\(|^\(\w{1,20}=\*\)$|^\*\)\([|&!]?$|^(?=[^)]{0,8}\*)[*()|&!]{0,8}(?:\*\)|\)\*|\*\(\))[*()|&!%\d']{1,12}$/i;

/** Attributes that are a sign without a bracket. */
export const LDAP_WORDS = literalGroup(
  "objectclass userp samac memberof uidnumber givenname distinguished".split(" "),
);

/** Filters for directories that break out of the application's own. */
export function detectLdap(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if ((classes & (PAREN | EQUAL | COLON)) === 0 || value.length < 3) return undefined;
  if ((classes & (EQUAL | STAR | PIPE)) === 0) return undefined;
  if ((classes & PAREN) === 0 && (literalGroups(value) & LDAP_WORDS) === 0) return undefined;
  const found = sign(value, LDAP, "filter");
  if (found === undefined) return undefined;
  // f(a)(b=c): code; a closing bracket that begins a filter stands before an attribute's name
  const text = value.slice(found.start, found.end);
  return /^\)\s?\(/.test(text) &&
    !/\*|[|&!]\(|&\)|^\)\(\s?(?:uid|cn|sn|mail|ou|dc|objectclass|password|user\w*|login|name)\s?[~<>]?=/i.test(
      text,
    )
    ? undefined
    : found;
}

const XPATH =
  /["')\]]\s{0,4}(?:or|and|\|)\s{0,4}(?:\/\/|["'(]{0,3}(?:count|name|local-name|string-length|substring|starts-with|contains|position|text|last|string|node|concat|doc|translate|normalize-space)\s?\()|(?:^|["'\])|(\s])\/{1,2}(?:\*|\w{1,40})\[[^\]]{0,100}(?:=|\(|@|\d)|\]\s?\|\s?\/{1,2}|["']\]|\b(?:count|string-length|name|local-name|substring|string)\s?\(\s?(?:\/{1,2}[\w*@]|\.{1,2}\/|\*[[/]|(?:child|parent|self|following|ancestor|descendant|preceding|attribute)(?:::|\[|\/|\)))|\b(?:child|parent|self|ancestor|descendant|following|preceding|attribute|following-sibling|preceding-sibling|ancestor-or-self|descendant-or-self)::(?:node\(|\*|text\(|comment\(|\w{1,40}\[|\w{1,40}\/)|\/text\(\)|\/node\(\)|\bdoc(?:-available)?\s?\(\s?(?:concat\s?\(|["'](?:https?|file|ftp):)|["'\]]\s{0,4}\|\s{0,4}\/{1,2}[\w*]|\bposition\s?\(\)\s?[=<>]/i;

/** Of which an expression holds one that has brackets, but no quote, no square bracket and no slash. */
export const XPATH_WORDS = literalGroup([
  ..."count name length substring string with contains position text last node concat translate space".split(
    " ",
  ),
  "doc(",
  ...spaced("doc_"),
]);

/** Whether a value without square brackets may hold an expression: a word of one, an axis, or what joins two paths. */
function mayBeExpression(value: string): boolean {
  if ((literalGroups(value) & XPATH_WORDS) !== 0) return true;
  return (
    value.includes("::") || value.includes("|") || value.includes("-available") || joinsPath(value)
  );
}

// or //x, and//x: not the slashes of a URL
function joinsPath(value: string): boolean {
  for (let at = value.indexOf("//"); at >= 0; at = value.indexOf("//", at + 1)) {
    let end = at;
    while (end > 0 && at - end < 5 && isSpaceCode(value.charCodeAt(end - 1))) end--;
    const last = value.charCodeAt(end - 1) | 0x20;
    if (last === 0x72 || last === 0x64 || last > 0x7f) return true;
  }
  return false;
}

/** XPath and XQuery that go on where the application's expression ends. */
export function detectXpath(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if (
    (classes & (PAREN | BRACKET | QUOTE | COLON | AT)) === 0 ||
    (classes & (SLASH | PAREN | COLON)) === 0 ||
    value.length < 6
  )
    return undefined;
  if ((classes & (QUOTE | BRACKET)) === 0) {
    const isCalled =
      (classes & PAREN) !== 0 &&
      ((classes & SLASH) !== 0 || (literalGroups(value) & XPATH_WORDS) !== 0);
    if (!isCalled && ((classes & COLON) === 0 || !value.includes("::"))) return undefined;
  }
  if ((classes & BRACKET) === 0 && !mayBeExpression(value)) return undefined;
  const found = sign(value, XPATH, "expression");
  if (found === undefined) return undefined;
  // '] alone closes an array in any script
  const text = value.slice(found.start, found.end);
  if (
    /^["']\]/.test(text) &&
    !/^["']\]\s{0,4}\/\*/.test(value.slice(found.start, found.start + 8)) &&
    /\[\s?["'][\w.-]{0,40}$|,\s?["'][\w.-]{0,40}$/.test(
      value.slice(Math.max(0, found.start - 48), found.start),
    )
  )
    return undefined;
  if (/^["']\]$/.test(text))
    return /^["']\]\s?(?:\||\/|and\b|or\b)/i.test(value.slice(found.start)) ? found : undefined;
  return (classes & BRACE) !== 0 && /^["')\]]\s?\|/.test(text) ? undefined : found;
}
