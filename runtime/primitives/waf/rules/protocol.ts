import { COLON, WIDE } from "../detect/characters.ts";
import { detectLineBreak } from "../detect/lines.ts";
import type { Rule } from "../rule.ts";
import { DECODED } from "./places.ts";

export const PROTOCOL_RULES: readonly Rule[] = [
  {
    id: "header-injection",
    message: "A line end that begins another field, message or mail command",
    tags: ["protocol", "header-injection", "attack-protocol"],
    variables: [
      "ARGS",
      "ARGS_NAMES",
      "REQUEST_COOKIES",
      "REQUEST_FILENAME",
      "REQUEST_HEADERS:referer",
      "REQUEST_HEADERS:user-agent",
    ],
    transformations: [[], ...DECODED],
    operator: { detect: detectLineBreak },
    needs: { minLength: 6, characters: "\r\n%\\", pairs: [[COLON, WIDE]] },
  },
  {
    id: "protocol-null",
    message: "A NUL in a value",
    tags: ["protocol", "attack-protocol"],
    variables: ["ARGS", "ARGS_NAMES", "REQUEST_COOKIES", "REQUEST_FILENAME", "FILES"],
    transformations: [["urlDecodeDeep"]],
    operator: { contains: "\0" },
    needs: { characters: "\0" },
  },
  {
    id: "protocol-proxy-field",
    message: "A field that CGI programs take for the address of a proxy",
    tags: ["protocol", "attack-protocol"],
    variables: ["REQUEST_HEADERS:proxy"],
    operator: { rx: /./ },
  },
  {
    id: "protocol-internal-field",
    message: "A field by which a framework tells itself that its checks are done",
    tags: ["protocol", "attack-protocol"],
    variables: ["REQUEST_HEADERS:x-middleware-subrequest"],
    operator: { rx: /./ },
  },
  {
    id: "protocol-rewritten-url",
    message: "A field that some applications take for the path",
    tags: ["protocol", "attack-protocol"],
    severity: "warning",
    variables: ["REQUEST_HEADERS:x-original-url", "REQUEST_HEADERS:x-rewrite-url"],
    operator: { rx: /^\// },
  },
  {
    id: "protocol-ranges",
    message: "More ranges than a reader asks for",
    tags: ["protocol", "attack-dos"],
    variables: ["REQUEST_HEADERS:range", "REQUEST_HEADERS:request-range"],
    operator: { rx: /^bytes=(?:[^,]{0,40},){6}/i },
  },
  {
    id: "protocol-shellshock",
    message: "A function of a shell in a field",
    tags: ["protocol", "attack-rce"],
    variables: ["REQUEST_HEADERS", "REQUEST_LINE", "ARGS", "ARGS_NAMES", "QUERY_STRING"],
    transformations: [["urlDecodeDeep"]],
    operator: {
      rx: /^\s{0,4}(?:GET \S{0,60}\?)?\(\s{0,4}\)\s{0,4}\{(?:\s{0,4}[:_]|\s{0,4}$|.{0,8};)|=\(\s?\)\s{0,4}\{\s{0,4}(?::|_|$)/,
    },
    needs: { characters: "{" },
  },
  {
    id: "smuggling-request",
    message: "A second request inside a value",
    tags: ["protocol", "smuggling", "attack-protocol"],
    variables: ["ARGS", "ARGS_NAMES", "REQUEST_COOKIES", "REQUEST_BODY"],
    transformations: [["urlDecodeDeep"]],
    operator: {
      rx: /[\r\n](?:get|post|head|options|connect|put|delete|trace|track|patch)\s{1,4}[^\s]{1,200}\s{1,4}http\/\d/i,
    },
    needs: { characters: "\r\n" },
  },
  {
    id: "smuggling-field",
    message: "A transfer coding written so that two parsers read it differently",
    tags: ["protocol", "smuggling", "attack-protocol"],
    variables: ["REQUEST_HEADERS_NAMES"],
    operator: { rx: /^(?:transfer[_.\s]encoding|content[_.\s]length|x-?transfer-?encoding)$/i },
  },
];
