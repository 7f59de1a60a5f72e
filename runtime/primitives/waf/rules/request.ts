import {
  detectRemoteFile,
  detectServerSideRequest,
  HOST_WORDS,
  SCRIPT_ENDS,
} from "../detect/url.ts";
import type { Rule } from "../rule.ts";
import { DECODED, INPUT } from "./places.ts";

export const REQUEST_RULES: readonly Rule[] = [
  {
    id: "ssrf-target",
    message: "A URL that leads to the machine itself, to a cloud's metadata or to another scheme",
    tags: ["ssrf", "attack-ssrf"],
    variables: [
      "ARGS",
      "ARGS_NAMES",
      "REQUEST_COOKIES",
      "REQUEST_BODY",
      "XML",
      "XML_ATTRIBUTES",
      "GRAPHQL",
    ],
    // Where a client wants to be sent back to: an application on the user's own machine (RFC 8252 §7.3).
    except: ["ARGS:redirect_uri", "ARGS:redirect_url", "ARGS:post_logout_redirect_uri"],
    transformations: DECODED,
    operator: { detect: detectServerSideRequest },
    needs: { minLength: 7, characters: ":/", urlGroups: HOST_WORDS },
  },
  {
    id: "rfi-url",
    message: "A URL that an include would load",
    tags: ["rfi", "attack-rfi"],
    variables: ["ARGS", "XML", "XML_ATTRIBUTES", "REQUEST_BODY"],
    transformations: [["urlDecodeDeep"]],
    operator: { detect: detectRemoteFile },
    needs: {
      minLength: 4,
      characters: ":?",
      literals: ["http", "ftp", "file"],
      urlGroups: SCRIPT_ENDS,
    },
  },
  {
    id: "rfi-parameter",
    message: "A parameter of known include flaws, set to a URL",
    tags: ["rfi", "attack-rfi"],
    variables: ["QUERY_STRING", "REQUEST_BODY"],
    transformations: [["urlDecodeDeep"]],
    operator: {
      rx: /(?:_conf\[path\]|_server\[document_root\]|mosconfig_absolute_path|absolute_path|appserv_root|doc(?:ument)?_root|globals\[\w{1,30}\]|gallery_basedir|phpbb_root_path|include_path|path_to_\w{1,20}|basepath|rootpath|inc_dir|config\[\w{1,30}\])=(?:https?|ftps?|file|php):/i,
    },
    needs: { characters: ":", literals: ["http", "ftp", "file:", "php:"], urlGroups: 0 },
  },
  {
    id: "ssrf-url",
    message: "Any URL of another host",
    tags: ["ssrf", "attack-ssrf"],
    paranoia: 4,
    severity: "warning",
    variables: INPUT,
    transformations: DECODED,
    operator: { rx: /^(?:https?|ftps?|wss?):\/\//i },
    needs: { literals: ["://"] },
  },
];
