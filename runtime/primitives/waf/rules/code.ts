import {
  AT,
  BRACE,
  COLON,
  DASH,
  DOLLAR,
  DOT,
  HASH,
  LESS,
  OTHER,
  PAREN,
  PERCENT,
  PIPE,
  PLUS,
  SLASH,
  WIDE,
} from "../detect/characters.ts";
import { CODE_URL_WORDS, detectCode, SERIALIZED_WORDS } from "../detect/code.ts";
import { detectPhp, GLOBAL_WORDS } from "../detect/php.ts";
import { detectTemplate } from "../detect/template.ts";
import type { Rule } from "../rule.ts";
import { DECODED, INPUT, INPUT_AND_FIELDS, QUIET_FIELDS, SILENT_FIELDS } from "./places.ts";

export const CODE_RULES: readonly Rule[] = [
  {
    id: "php-code",
    message: "PHP: tags, calls, superglobals, settings or serialised objects",
    tags: ["php", "attack-injection-php"],
    variables: INPUT_AND_FIELDS,
    except: QUIET_FIELDS,
    transformations: DECODED,
    operator: { detect: detectPhp },
    needs: {
      minLength: 4,
      characters: "<$([{=",
      groups: GLOBAL_WORDS,
      urlGroups: GLOBAL_WORDS,
    },
  },
  {
    id: "code-platform",
    message: "Code of Java, Node, Python, Ruby or .NET, or their serialised objects",
    tags: ["code", "attack-injection-generic"],
    variables: INPUT_AND_FIELDS,
    except: QUIET_FIELDS,
    transformations: DECODED,
    operator: { detect: detectCode },
    needs: {
      minLength: 6,
      characters: "($[=<\\",
      groups: CODE_URL_WORDS,
      pairs: [[DOT | COLON | OTHER, PERCENT | WIDE | PIPE | DASH | PLUS | AT | SLASH | BRACE]],
      urlGroups: CODE_URL_WORDS,
    },
  },
  {
    id: "code-serialized",
    message: "A serialised object of Java, .NET or Python",
    tags: ["code", "java", "attack-injection-java"],
    variables: INPUT_AND_FIELDS,
    operator: {
      rx: /^(?:rO0AB[A-Za-z0-9+/]|KztAAU|Cs7QAF|AAEAAAD\/{4}|gASV[A-Za-z0-9+/_-]{16}|\u00ac\u00ed)/,
    },
    needs: { minLength: 6, classes: WIDE, groups: SERIALIZED_WORDS },
  },
  {
    id: "template-expression",
    inParts: false,
    message: "An expression for a template engine, an expression language or Log4j",
    tags: ["template", "attack-injection-generic"],
    variables: INPUT_AND_FIELDS,
    except: SILENT_FIELDS,
    transformations: DECODED,
    operator: { detect: detectTemplate },
    needs: {
      minLength: 4,
      characters: "{[",
      pairs: [
        [LESS, PERCENT | HASH | AT | DOLLAR],
        [HASH | AT, PAREN],
      ],
    },
  },
  {
    id: "template-braces",
    message: "Braces of a template",
    tags: ["template", "attack-injection-generic"],
    paranoia: 3,
    severity: "warning",
    variables: INPUT,
    transformations: DECODED,
    operator: { rx: /\{\{|\}\}|\$\{|#\{|<%|%>|\{%/ },
    needs: { characters: "{%" },
  },
];
