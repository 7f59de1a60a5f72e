import { EQUAL, PAREN, PIPE, QUOTE, SEMICOLON, SLASH, STAR } from "../detect/characters.ts";
import { detectXml } from "../detect/lines.ts";
import {
  detectLdap,
  detectNosql,
  detectXpath,
  LDAP_WORDS,
  NOSQL_WORDS,
  XPATH_WORDS,
} from "../detect/query.ts";
import type { Rule } from "../rule.ts";
import { DECODED, INPUT } from "./places.ts";

export const QUERY_RULES: readonly Rule[] = [
  {
    id: "nosql-operator",
    message: "Operators or code for a document store",
    tags: ["nosql", "attack-injection-generic"],
    variables: INPUT,
    transformations: DECODED,
    operator: { detect: detectNosql },
    needs: {
      minLength: 3,
      characters: "$",
      groups: NOSQL_WORDS,
      pairs: [[PIPE, PAREN | QUOTE | SEMICOLON]],
    },
  },
  {
    id: "ldap-filter",
    message: "A filter for a directory",
    tags: ["ldap", "attack-ldap"],
    variables: INPUT,
    transformations: DECODED,
    operator: { detect: detectLdap },
    needs: {
      minLength: 3,
      groups: LDAP_WORDS,
      pairs: [[PAREN, EQUAL | STAR | PIPE]],
      urlGroups: LDAP_WORDS,
    },
  },
  {
    id: "xpath-expression",
    message: "An expression of XPath",
    tags: ["xpath", "attack-injection-generic"],
    variables: INPUT,
    transformations: DECODED,
    operator: { detect: detectXpath },
    needs: {
      minLength: 6,
      characters: "[:",
      pairs: [
        [PAREN, SLASH],
        [QUOTE, SLASH | PAREN],
      ],
      groups: XPATH_WORDS,
      urlGroups: 0,
    },
  },
  {
    id: "xxe-entity",
    message: "XML that asks for something outside the document",
    tags: ["xxe", "attack-xxe"],
    variables: [...INPUT, "REQUEST_HEADERS:user-agent", "REQUEST_HEADERS:referer"],
    transformations: DECODED,
    operator: { detect: detectXml },
    needs: { minLength: 8, characters: "<+!" },
  },
];
