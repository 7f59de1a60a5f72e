import { BACKSLASH, CONTROL, DOTS, literalGroup, PERCENT, WIDE } from "../detect/characters.ts";
import { detectFileAccess, detectTraversal, FILE_URL_WORDS, HIDDEN_DOTS } from "../detect/path.ts";
import type { Rule, WafVariable } from "../rule.ts";
import { DECODED, INPUT, INPUT_AND_FIELDS, SILENT_FIELDS } from "./places.ts";

/** Of which a restricted path holds one. */
const RESTRICTED_PATHS = literalGroup([
  ..."etc/ roc/ sys/ @fs/ @id/ -inf wp-c web.c ppsettings .sql .mdb .tar .tgz .zip .bz2 .rar id_r id_d id_e dock vagrant phpinfo er-s er-i ser. e-lo yarn. gemfile gs.p fig. iner c99. r57. wso. 74k. ell.".split(
    " ",
  ),
  // Shorter than a word of a group, and behind any character of a name.
  ...Array.from("abcdefghijklmnopqrstuvwxyz0123456789-_", (before) => [
    `${before}.gz`,
    `${before}.7z`,
  ]).flat(),
  // Below two slashes, and on a drive.
  "etc\\",
  ..."s.lo s_lo r.lo r_lo //va //us //op //bo //ro".split(" "),
  ..."wi in pr bo xa wa ap sy my ph"
    .split(" ")
    .flatMap((name) => [":/", ":\\", "//", "\\\\", "/\\", "\\/"].map((before) => before + name)),
]);

/** Files of a commit, as code hosts report a push. */
const PUSHED_FILES: readonly WafVariable[] = ["commits", "head_commit"].flatMap((name) =>
  ["added", "removed", "modified"].map((list): WafVariable => `ARGS_POST:${name}.${list}`),
);

export const FILE_RULES: readonly Rule[] = [
  {
    id: "traversal-walk",
    message: "A path that walks out of its directory",
    tags: ["traversal", "attack-lfi"],
    variables: [...INPUT_AND_FIELDS, "REQUEST_URI_RAW"],
    except: SILENT_FIELDS,
    transformations: [[], ...DECODED],
    operator: { detect: detectTraversal },
    needs: {
      minLength: 3,
      classes: DOTS | PERCENT | WIDE | BACKSLASH | CONTROL,
      groups: HIDDEN_DOTS,
    },
  },
  {
    id: "lfi-file",
    message: "The path of a file of the system or of its secrets",
    tags: ["lfi", "attack-lfi"],
    variables: [
      "ARGS",
      "ARGS_NAMES",
      "REQUEST_COOKIES",
      "REQUEST_BODY",
      "XML",
      "XML_ATTRIBUTES",
      "GRAPHQL",
      "FILES",
      "REQUEST_HEADERS",
    ],
    except: [...PUSHED_FILES, ...SILENT_FIELDS, "REQUEST_HEADERS:referer"],
    transformations: DECODED,
    operator: { detect: detectFileAccess },
    needs: { minLength: 5, characters: "/\\.%", urlGroups: FILE_URL_WORDS },
  },
  {
    id: "restricted-file",
    message: "A file that is not for visitors",
    tags: ["restricted-file", "attack-lfi"],
    variables: ["REQUEST_FILENAME"],
    transformations: DECODED,
    operator: {
      rx: /\/\.(?!well-known(?:\/|$))(?:env|git|svn|hg|bzr|cvs|ssh|aws|azure|docker|dockerenv|kube|npmrc|yarnrc|pypirc|netrc|pgpass|my\.cnf|mysql_history|psql_history|bash\w{0,12}|zsh\w{0,12}|sh_history|history|profile|ht\w{2,10}|user\.ini|idea|vscode|vs|DS_Store|boto|s3cfg|gnupg|config|composer|terraform|circleci|travis|gitlab|github|drone|jenkins|sass|claude|cursor|continue|aider|roo|zed|cline|kiro|windsurf|rovodev|codex|opencode|a0proj|plandex|fabric|n8n|junie|gemini|copilot|trae|augment|qodo|\w{1,20}ignore|\w{0,12}history|wp-config|rhosts|viminfo|pki|subversion|remote-sync|ftpconfig|sftp-config|php_cs|babelrc|eslintrc|editorconfig|gemrc|irbrc|irssi|xauthority|t?cshrc|kshrc|shosts|passwd)(?:[./\w~-]|$)/i,
    },
    needs: { characters: ".", literals: ["/."] },
  },
  {
    id: "restricted-path",
    message: "A path into the system, a backup or the server's own data",
    tags: ["restricted-file", "attack-lfi"],
    variables: ["REQUEST_FILENAME"],
    transformations: DECODED,
    operator: {
      rx: /(?:^|\/)(?:etc[\\/](?:passwd|shadow|hosts|group|issue)|(?:access|error)[._]log|proc\/(?:self|version|cpuinfo|interrupts|meminfo|mounts|net)|sys\/(?:class|devices|fs|kernel)|@fs\/|@id\/__x00__|WEB-INF|META-INF(?:\/(?:MANIFEST\.MF|context\.xml|maven))?|wp-content\/(?:debug|errors?)\.log|wp-config[._-]?(?:php)?(?:\.?(?:bak|old|orig|save|swp|txt|dist|backup)|~)|web\.config|appsettings(?:\.\w{1,20})?\.json|(?:backup|dump|database|db|mysql|data|site|www)[\w-]{0,20}\.(?:sql|sqlite3?|mdb|tar|tgz|gz|zip|bz2|rar|7z)(?:\.(?:gz|zip|bz2))?|id_(?:rsa|dsa|ecdsa|ed25519)|docker-compose\.ya?ml|Dockerfile|Vagrantfile|phpinfo\.php|server-(?:status|info)|composer\.(?:json|lock)|package-lock\.json|yarn\.lock|Gemfile(?:\.lock)?|local_settings\.py|settings\.py|config\.(?:php|inc|yml|ini)(?:\.\w{1,10}|~)|adminer(?:-[\d.]{1,10})?\.php|(?:c99|r57|wso|b374k|shell|webshell)\.(?:php\d?|aspx?|jsp))(?=$|[\s/?;])|\/\/(?:etc|proc|boot|root|var\/(?:logs?|run|spool|adm|db|lib)|usr\/(?:local|lib|sbin)|opt\/(?:lampp|xampp))\/\w|(?:^|\/)(?:etc\/(?:(?:fstab|motd|crontab|sudoers|hostname|resolv\.conf)\b|(?:ssh|httpd|apache2?|nginx|mysql|php\d?|security|cron\.d|init\.d|logrotate\.d|vsftpd|postfix)\/\w)|[a-z]:[\\/](?:windows|winnt|inetpub|program ?files|boot\.ini|xampp|wamp|appserv|system32|mysql|php|apache))/i,
    },
    needs: { groups: RESTRICTED_PATHS },
  },
  {
    id: "restricted-extension",
    message: "An extension of sources, keys, backups and configuration",
    tags: ["restricted-extension"],
    variables: ["REQUEST_BASENAME"],
    transformations: DECODED,
    operator: {
      rx: /\.(?:axd|backup|bak|bkp|cer|cfg|cnf|conf|csproj|dbf|dll|dos|htr|htw|ida|idc|idq|inc|ini|jks|kdbx?|key|keystore|licx|lnk|mdb|mdf|old|orig|p12|pass|pem|pfx|pol|printer|pst|pwd|rdb|resources|resx|sav|save|sqlite3?|swo|swp|sys|temp|tfstate|vbproj|vsdisco|webinfo|xsx)$/i,
    },
    needs: { characters: "." },
  },
  {
    id: "upload-script",
    message: "An uploaded file that the server would run",
    tags: ["upload", "attack-injection-php"],
    variables: [
      "FILES",
      "REQUEST_HEADERS:x-filename",
      "REQUEST_HEADERS:x_filename",
      "REQUEST_HEADERS:x.filename",
      "REQUEST_HEADERS:x-file-name",
    ],
    transformations: [["urlDecodeDeep"]],
    operator: {
      rx: /\.\s{0,4}(?:ph(?:p\d{0,6}|tml|ar|ps|pt|t|tm)|jspx?|jspf|jsw|jsv|jhtml|asp|aspx|ascx|asa|asax|ashx|asmx|cer|cfm|cfml|cfc|cgi|shtml?|stm|htaccess|user\.ini|exe|scr|hta|vbs|vbe|wsf|ps1|psm1|bat|cmd|jar|war)(?:[\s.\0;:%]{0,64}$|[\0;:%][^/\\]{0,20}$|\.(?:jpe?g|png|gif|txt|pdf|fla|doc)$)/i,
    },
    needs: { characters: "." },
  },
  {
    id: "upload-restricted",
    message: "An uploaded file named as one of the server's own",
    tags: ["upload", "attack-rce"],
    variables: [
      "FILES",
      "REQUEST_HEADERS:x-filename",
      "REQUEST_HEADERS:x_filename",
      "REQUEST_HEADERS:x.filename",
      "REQUEST_HEADERS:x-file-name",
    ],
    transformations: [["urlDecodeDeep"]],
    operator: {
      rx: /(?:^|[/\\])(?:sess_[\w,-]{20,256}$|\.(?:ht\w{2,10}|boto|env|ssh|git|user\.ini|bash\w{0,12}|profile|npmrc|aws)|web\.config|wp-config[._-]?\s?(?:php|txt|bak)|settings\.\s?php|config\.(?:ya?ml|inc\.php|php)\s?$|authorized_keys|id_rsa|mtrr$|acpi$|\.\.[/\\])|^\.\.[/\\]/i,
    },
  },
  {
    id: "traversal-dots",
    message: "Two dots beside a separator",
    tags: ["traversal", "attack-lfi"],
    paranoia: 3,
    severity: "error",
    variables: INPUT,
    transformations: DECODED,
    operator: { rx: /\.\.[\\/]|[\\/]\.\./ },
    needs: { literals: [".."] },
  },
];
