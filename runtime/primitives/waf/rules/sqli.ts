import { QUOTE } from "../detect/characters.ts";
import { detectSql, LOGIC_WORDS, MARKS, SQL_WORDS } from "../detect/sql.ts";
import { detectSqlInJson } from "../detect/sql-json.ts";
import type { Rule } from "../rule.ts";
import { DECODED, INPUT, INPUT_AND_FIELDS, QUIET_FIELDS } from "./places.ts";

const TAGS = ["sqli", "attack-sqli"];

export const SQLI_RULES: readonly Rule[] = [
  {
    id: "sqli-structure",
    message: "SQL injection: the value goes on with a query",
    tags: TAGS,
    variables: INPUT_AND_FIELDS,
    except: QUIET_FIELDS,
    transformations: DECODED,
    operator: { detect: detectSql },
    needs: {
      minLength: 3,
      classes: QUOTE | MARKS,
      groups: SQL_WORDS | LOGIC_WORDS,
      urlGroups: SQL_WORDS | LOGIC_WORDS,
    },
  },
  {
    id: "sqli-json",
    message: "SQL injection: JSON whose strings go on with a query",
    tags: TAGS,
    variables: ["ARGS", "REQUEST_COOKIES"],
    transformations: ["urlDecodeDeep", "utf8toUnicode"],
    operator: { detect: detectSqlInJson },
    needs: { characters: "'", minLength: 6 },
    inParts: false,
  },
  {
    id: "sqli-statement",
    message: "A complete SQL statement",
    tags: TAGS,
    paranoia: 2,
    variables: INPUT,
    transformations: DECODED,
    operator: {
      rx: /\b(?:select\s{1,4}(?:\*|\w{1,30}(?:\s?,\s?\w{1,30}){0,8})\s{1,4}from\s|insert\s{1,4}into\s|update\s{1,4}\w{1,40}\s{1,4}set\s|delete\s{1,4}from\s|drop\s{1,4}table\s|union\s{1,4}(?:all\s{1,4})?select\b)/i,
    },
    needs: { literals: ["select", "insert", "update", "delete", "drop", "union"] },
  },
  {
    id: "sqli-quote-operator",
    message: "A quote followed by an SQL operator",
    tags: TAGS,
    paranoia: 2,
    severity: "critical",
    variables: INPUT,
    transformations: DECODED,
    operator: {
      rx: /["'`]\s{0,4}(?:\)\s{0,4}){0,4}(?:and|or|xor|like|between|\|\||&&)\b[\s("'`]{0,8}[\w"'`@(]/i,
    },
    needs: { characters: "'\"`" },
  },
  {
    id: "sqli-comment",
    message: "An SQL comment that may cut a statement off",
    tags: TAGS,
    paranoia: 2,
    severity: "error",
    variables: INPUT,
    transformations: DECODED,
    operator: { rx: /["'`)]\s{0,4}(?:--|#|\/\*)|;\s{0,4}--|\/\*!/ },
    needs: { characters: "-#*" },
  },
  {
    id: "sqli-characters",
    message: "Many characters of SQL in one value",
    tags: TAGS,
    paranoia: 3,
    severity: "warning",
    variables: ["ARGS", "REQUEST_COOKIES"],
    transformations: DECODED,
    operator: { rx: /(?:[~!@#$%^&*()\-+={}[\]|:;"'`<>][^~!@#$%^&*()\-+={}[\]|:;"'`<>]{0,12}){12}/ },
    needs: { minLength: 12 },
  },
  {
    id: "sqli-quote",
    message: "A quote beside a keyword of SQL",
    tags: TAGS,
    paranoia: 4,
    severity: "error",
    variables: ["ARGS", "ARGS_NAMES", "REQUEST_COOKIES"],
    transformations: DECODED,
    operator: {
      rx: /["'`]\s{0,4}(?:and|or|not|in|is|select|union|having|where|order)\b|\b(?:and|or)\s{1,4}["'`\d(]/i,
    },
    needs: { minLength: 4 },
  },
];
