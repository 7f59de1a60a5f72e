import type { Rule } from "../rule.ts";
import { CLIENT_RULES, SESSION_RULES } from "./client.ts";
import { CODE_RULES } from "./code.ts";
import { COMMAND_RULES } from "./command.ts";
import { FILE_RULES } from "./file.ts";
import { LEAK_RULES } from "./leak.ts";
import { PROTOCOL_RULES } from "./protocol.ts";
import { QUERY_RULES } from "./query.ts";
import { REQUEST_RULES } from "./request.ts";
import { SQLI_RULES } from "./sqli.ts";
import { XSS_RULES } from "./xss.ts";

/** The rules that come with Gatewright. Their ids and tags are also in sdk/waf-rule-id.ts, config/waf-names.ts and docs/waf.md. */
export const RULES: readonly Rule[] = [
  ...SQLI_RULES,
  ...XSS_RULES,
  ...FILE_RULES,
  ...COMMAND_RULES,
  ...CODE_RULES,
  ...REQUEST_RULES,
  ...QUERY_RULES,
  ...PROTOCOL_RULES,
  ...CLIENT_RULES,
  ...SESSION_RULES,
  ...LEAK_RULES,
].map((rule) => ({ inParts: true, ...rule }));
