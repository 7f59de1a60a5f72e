import { literalGroup } from "../detect/characters.ts";
import type { Rule } from "../rule.ts";

const SCANNERS = [
  "sqlmap",
  "nikto",
  "nessus",
  "openvas",
  "nuclei",
  "projectdiscovery",
  "masscan",
  "zgrab",
  "fuzz faster u fool",
  "wfuzz",
  "wpscan",
  "dirbuster",
  "gobuster",
  "feroxbuster",
  "dirsearch",
  "acunetix",
  "netsparker",
  "invicti",
  "w3af",
  "arachni",
  "havij",
  "jorgee",
  "whatweb",
  "commix",
  "jaeles",
  "joomscan",
  "skipfish",
  "vega/",
  "paros",
  "webinspect",
  "appscan",
  "burpcollaborator",
  "interact.sh",
  "oast.me",
  "oast.fun",
  "oast.pro",
  "oast.live",
  "oast.site",
  "oast.online",
  "oastify.com",
  "bxss.me",
  ".nasl",
  "gotestwaf",
  "zmeu",
  "morfeus",
  "pangolin",
  "sqlninja",
  "bsqlbf",
  "absinthe",
  "grendel-scan",
  "struts-pwn",
  "log4j-scan",
  "xsstrike",
  "dalfox",
  "fimap",
  "nmap scripting engine",
  "hydra",
  "medusa",
  "brutus",
  "whisker",
  "webshag",
  "wapiti",
  "cmsmap",
  "droopescan",
  "l9explore",
  "censysinspect/1.1 attack",
  "tsunamisecurityscanner",
];

/** Of which a path of {@link CLIENT_RULES} holds one. */
const SCANNER_PATHS = literalGroup(
  "acun essus ppscan w00tw00t muieblackcat nmap hnap1 cgi- phpunit _ign solr ctuator druid ole/ boaf up.c ell? wls- invoker er/h phpm".split(
    " ",
  ),
);

export const CLIENT_RULES: readonly Rule[] = [
  {
    id: "scanner-agent",
    message: "A scanner names itself",
    tags: ["scanner", "attack-reputation-scanner"],
    variables: ["REQUEST_HEADERS:user-agent"],
    operator: { pm: SCANNERS },
    needs: { groups: literalGroup(SCANNERS) },
  },
  {
    id: "scanner-field",
    message: "A field that only scanners send",
    tags: ["scanner", "attack-reputation-scanner"],
    variables: ["REQUEST_HEADERS_NAMES"],
    operator: {
      within: [
        "acunetix-aspect",
        "acunetix-aspect-password",
        "acunetix-aspect-queries",
        "x-wipp",
        "x-scanner",
        "x-ratproxy-loop",
        "x-arachni-scan-seed",
        "x-qualys-scan-id",
      ],
    },
  },
  {
    id: "scanner-path",
    message: "A path that only scanners ask for",
    tags: ["scanner", "attack-reputation-scanner"],
    variables: ["REQUEST_FILENAME"],
    operator: {
      rx: /(?:\/|^)(?:acunetix-wvs-test|nessus_is_probing|nonexistent_acunetix|appscan_fingerprint|w00tw00t|muieblackcat|nmaplowercheck\d|hnap1\/?$|cgi-bin\/(?:test-cgi|php\d?-cgi|\.%)|vendor\/phpunit\/|_ignition\/execute-solution|solr\/admin\/info|actuator\/(?:gateway|heapdump|env|jolokia)|druid\/index|console\/css\/|boaform\/|setup\.cgi|shell\?|wls-wsat\/|invoker\/jmxinvokerservlet|manager\/html$|phpmyadmin\d?\/scripts\/setup)/i,
    },
    needs: { groups: SCANNER_PATHS },
  },
  {
    id: "client-no-agent",
    message: "No User-Agent",
    tags: ["client"],
    severity: "notice",
    paranoia: 2,
    variables: ["&REQUEST_HEADERS:user-agent"],
    operator: { eq: 0 },
  },
  {
    id: "client-script-agent",
    message: "A library instead of a browser",
    tags: ["client", "attack-reputation-scripting"],
    severity: "warning",
    paranoia: 2,
    variables: ["REQUEST_HEADERS:user-agent"],
    operator: {
      rx: /^(?:python-requests|python-urllib|curl|wget|libwww-perl|lwp-|go-http-client|java\/|okhttp|axios|node-fetch|undici|scrapy|httpie|php\/|winhttp)/i,
    },
  },
];

const SESSION_NAMES =
  /^(?:phpsessid|jsessionid|aspsessionid\w{0,20}|asp\.net_sessionid|laravel_session|connect\.sid|_?flask_session|(?:__(?:secure|host)-)?next-auth\.session-token|meteor_login_token|rack\.session|play_session|sails\.sid|cakephp|ci_session|koa[.:]sess(?:\.sig)?|cfid|cftoken|cfsid|symfony|django_session|wordpress_logged_in\w{0,40}|zend_session(?:_id)?|phpsession|_rails_session|shiny-token|viewstate_session|weblogicsession|jservsession|jwsession|fastify_session|express[.:]sess|_session_id|sessid|php_session_id|webwx_data_ticket|__host-session|__secure-session|better-auth\.session_token|authjs\.session-token|phalcon_session|yii_session|fuelcid|elixir_session|phoenix_key|_\w{1,30}_key_session|jeesite\.session\.id)$/i;

const SESSION_WORDS = literalGroup(
  "sess shin ect.sid teor ils. cake cfid cfto cfsi symf _logged webw fuel enix".split(" "),
);

export const SESSION_RULES: readonly Rule[] = [
  {
    id: "session-parameter",
    message: "A session's cookie as a parameter of a link",
    tags: ["session-fixation", "attack-fixation"],
    variables: ["ARGS_NAMES"],
    operator: { rx: SESSION_NAMES },
    needs: { minLength: 4, groups: SESSION_WORDS },
  },
  {
    id: "session-cookie-script",
    message: "A script or an element that sets a cookie",
    tags: ["session-fixation", "attack-fixation"],
    variables: ["ARGS", "ARGS_NAMES", "REQUEST_COOKIES", "REQUEST_BODY", "XML", "XML_ATTRIBUTES"],
    transformations: [["urlDecodeDeep", "htmlEntityDecode"]],
    operator: {
      rx: /\.cookie\b[^;.]{0,60};\W{0,8}(?:expires|domain|path|max-age)\W{0,4}=|\bhttp-equiv\W{1,8}set-cookie\b/i,
    },
    needs: { groups: literalGroup(["cookie"]) },
  },
];
