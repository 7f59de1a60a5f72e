import { CALL_NAMES, detectJavascript, OBJECT_NAMES } from "../detect/javascript.ts";
import { detectXss } from "../detect/xss.ts";
import type { Rule } from "../rule.ts";
import { DECODED, INPUT, INPUT_AND_FIELDS, QUIET_FIELDS } from "./places.ts";

const TAGS = ["xss", "attack-xss"];

export const XSS_RULES: readonly Rule[] = [
  {
    id: "xss-markup",
    message: "Markup, a handler or a scheme that runs script",
    tags: TAGS,
    variables: INPUT_AND_FIELDS,
    except: QUIET_FIELDS,
    transformations: DECODED,
    operator: { detect: detectXss },
    needs: { minLength: 6, characters: "<=:&", urlGroups: 0 },
  },
  {
    id: "xss-script",
    message: "Script without markup around it",
    tags: TAGS,
    variables: INPUT_AND_FIELDS,
    except: QUIET_FIELDS,
    transformations: DECODED,
    operator: { detect: detectJavascript },
    needs: {
      minLength: 5,
      characters: "[&",
      groups: CALL_NAMES | OBJECT_NAMES,
      urlGroups: OBJECT_NAMES,
    },
  },
  {
    id: "xss-element",
    message: "Any HTML element",
    tags: TAGS,
    paranoia: 2,
    severity: "error",
    variables: INPUT,
    transformations: DECODED,
    operator: { rx: /<\/?[a-z][a-z0-9:-]{0,20}[\s/>]/i },
    needs: { characters: "<" },
  },
  {
    id: "xss-attribute",
    message: "An attribute that loads or runs something",
    tags: TAGS,
    paranoia: 2,
    severity: "critical",
    variables: INPUT,
    transformations: DECODED,
    operator: {
      rx: /[\s"'`/](?:style|src|href|action|on[a-z]{4,24})\s{0,4}=\s{0,4}["'`]?\s{0,4}(?:javascript|data|vbscript|expression|url|alert|eval|\w{1,20}\()/i,
    },
    needs: { characters: "=" },
  },
  {
    id: "xss-brackets",
    message: "A bracket of HTML",
    tags: TAGS,
    paranoia: 4,
    severity: "warning",
    variables: INPUT,
    transformations: DECODED,
    operator: { rx: /[<>]/ },
    needs: { characters: "<>" },
  },
];
