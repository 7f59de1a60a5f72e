import {
  BACKSLASH,
  characterClasses,
  COLON,
  CONTROL,
  DOT,
  DOTS,
  isLetterCode,
  isWordCode,
  PERCENT,
  SLASH,
  WIDE,
  literalGroup,
  literalGroups,
} from "./characters.ts";
import { sign, type Finding } from "./finding.ts";
import { wholePath } from "./path-whole.ts";
import { countWords, isMentioned } from "./prose.ts";

// Walking out of a directory, and the files one walks to. Separators are folded first: both
// slashes, their overlong and full-width forms, runs of them, "." segments, dots before a
// separator that some systems drop, path parameters after ";".

const OVERLONG =
  /%(?:25)*(?:c0%(?:25)*(?:af|2f|5c|ae)|c1%(?:25)*(?:9c|1c|pc|8s)|e0%(?:25)*80%(?:25)*a[ef]|u2215|u2216|u002f|u005c|u002e|uff0e|uff0f|2e|2f|5c)|0x(?:2f|5c|2e)|\\(?:u002f|u005c|u002e|x2f|x5c|x2e)|[\u2215\u2216\u2044\uff0f\uff3c\uff0e\u2024\u2025]/gi;

/** Dots between separators that only a lenient decoder takes for one: overlong, doubled escapes. */
const STRANGE_SEPARATOR =
  /\.\.(?:%(?!(?:25){0,4}(?:20|0[ad]|2[1-46-9bc]|3[a-f]|5[bd]|7[b-e]|c[2-9a-f]|d[\da-f]|e[1-9a-f]|e0%(?:25){0,4}[ab]|f0%(?:25){0,4}[9ab]))[%\w]{1,20}|[^\w\s.,;:!?()[\]{}+&~"'*<>=/\\\u00e0-\u024f\u0370-\udfff\uf900-\ufffc-]{1,6})\.\.|(?:%c0%[a2469]e|%%32%65|%e0%80%ae|%f0%80%80%ae|%f8%80%80%80%ae|%25(?:25)?(?:%32|2)(?:%65|e)){2}|(?:0?x2e){3}|\.\.(?:%(?:c[01]|(?:e0|f0)(?!%[9ab])|f8|fc|uefc8|uf025|%3|u22)|2f|5c)/i;

/** What two dots may hide behind. */
const SPELLINGS = /[%\\\0\u2024\u2025\uff0e]|0x2/;

/** A dot as a number. */
export const HIDDEN_DOTS = literalGroup(["0x2e", "0x2f"]);

/** `../` however it is written. One step up inside a longer text is a link; two are not. */
export function detectTraversal(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if (value.length < 3) return undefined;
  if ((classes & DOTS) === 0) {
    const isHidden =
      (classes & (BACKSLASH | CONTROL | WIDE)) !== 0 ||
      (literalGroups(value) & HIDDEN_DOTS) !== 0 ||
      ((classes & PERCENT) !== 0 && mayEncodeDots(value));
    if (!isHidden || !SPELLINGS.test(value)) return undefined;
  }
  const odd = STRANGE_SEPARATOR.exec(value);
  if (odd !== null && !isEncodedText(value, odd.index))
    return { sign: "walk", start: odd.index, end: odd.index + odd[0].length };
  const folded = fold(value);
  return walk(folded, value.length);
}

// %2e, %25…, overlong forms, %u002e, %uff0e and %%32%65: nothing else with a percent sign becomes a dot.
function mayEncodeDots(value: string): boolean {
  for (let at = value.indexOf("%"); at >= 0; at = value.indexOf("%", at + 1)) {
    const second = value.charCodeAt(at + 2) | 0x20;
    switch (value.charCodeAt(at + 1) | 0x20) {
      case 0x32: // 2e 25
        if (second === 0x65 || second === 0x35) return true;
        break;
      case 0x63: // c0 c1
      case 0x65: // e0
      case 0x66: // f0 f8
        if (second === 0x30 || second === 0x31 || second === 0x38) return true;
        break;
      case 0x75: // u0 uf
        if (second === 0x30 || second === 0x66) return true;
        break;
      case 0x25:
        return true;
      default:
    }
  }
  return false;
}

/** Separators and dots in one spelling. */
function fold(value: string): string {
  let folded = value.includes("\0") ? value.replaceAll("\0", "") : value;
  if (
    folded.includes("%") ||
    folded.includes("0x") ||
    folded.includes("\\") ||
    /[\u2024-\uff3c]/.test(folded)
  ) {
    folded = folded.replace(OVERLONG, (match) =>
      /(?:2e|ae|ff0e)$/i.test(match) || /[\uff0e\u2024]/.test(match)
        ? "."
        : match === "\u2025"
          ? ".."
          : "/",
    );
  }
  return folded.includes("\\") ? folded.replaceAll("\\", "/") : folded;
}

// A text that links to "../../issues", a build's log: several words, and no file worth the way.
function isText(value: string): boolean {
  let words = 0;
  for (let at = 0, inWord = false; at < value.length && words < 5; at++) {
    const letter = isLetterCode(value.charCodeAt(at)) || value.charCodeAt(at) > 0x7f;
    if (inWord && value.charCodeAt(at) === 0x20) {
      words++;
      inWord = false;
    } else if (letter) inWord = true;
  }
  return words >= 5;
}

// The same text in a query as it came: "…&q=see+(../../issues)+for+all+of+it"
function isEncodedText(value: string, at: number): boolean {
  const from = Math.max(value.lastIndexOf("&", at), value.lastIndexOf("?", at)) + 1;
  if (from === 0 || value.includes(" ")) return false;
  const end = value.indexOf("&", at);
  const parameter = value.slice(from, Math.min(end < 0 ? value.length : end, from + 2000));
  return countWords(parameter.replace(/\+|%20/g, " ")) >= 6;
}

function walk(value: string, length: number): Finding | undefined {
  if (isText(value)) return undefined;
  let ups = 0;
  let first = -1;
  for (let at = value.indexOf(".."); at >= 0; at = value.indexOf("..", at + 1)) {
    const before = at === 0 ? -1 : value.charCodeAt(at - 1);
    let end = at + 2;
    // ".../" and "....//": filters that remove "../" once
    let dots = 2;
    while (value.charCodeAt(end) === 0x2e && dots < 8) {
      end++;
      dots++;
    }
    while (
      end < at + 12 &&
      (value.charCodeAt(end) === 0x20 ||
        value.charCodeAt(end) === 0 ||
        value.charCodeAt(end) === 0x7c)
    )
      end++;
    const parameter = value.charCodeAt(end) === 0x3b;
    if (parameter) end++;
    const next = value.charCodeAt(end);
    const slashed = next === 0x2f;
    const starts =
      before === -1 ||
      before === 0x2f ||
      before === 0x3d ||
      before === 0x22 ||
      before === 0x27 ||
      before === 0x3a ||
      before === 0x3b ||
      before === 0x20 ||
      before === 0x28 ||
      before === 0x2c ||
      before === 0x7c;
    if (slashed && (starts || dots > 2 || parameter)) {
      if (isEncodedText(value, at)) continue;
      if (first < 0) first = at;
      ups++;
      // dots that stand for an ellipsis carry no separator behind them twice
      if (ups >= 2 && !separatedLinks(value, first, at))
        return { sign: "walk", start: Math.min(first, length), end: Math.min(end + 1, length) };
      if (before === 0x2f && dots <= 3) {
        const previous = value.lastIndexOf("/", at - 2);
        if (dots === 2 && !isUrlPrefix(value, previous) && !staysInSite(value, at))
          return { sign: "walk", start: Math.max(0, at - 1), end: Math.min(end + 1, length) };
      }
      // a relative link
      if (
        at === 0 &&
        /^\.\.\/(?!\.)[^?#]{1,120}\.(?:png|jpe?g|gif|svg|webp|avif|ico|css|m?js|html?|md|woff2?)$/i.test(
          value,
        )
      )
        return undefined;
      if (at === 0 && !/\s/.test(value.slice(0, 80)) && value.length < 400)
        return { sign: "walk", start: 0, end: Math.min(end + 1, length) };
      if (parameter) return { sign: "walk", start: at, end: Math.min(end + 1, length) };
    } else if (
      dots === 2 &&
      before === 0x2f &&
      end === value.length &&
      value.length < 400 &&
      !/\s/.test(value)
    ) {
      if (value.length > 3) return { sign: "walk", start: at, end };
    }
    at = Math.max(at, end - 2);
  }
  return undefined;
}

// Two links of one page, each one step up, are not two steps.
function separatedLinks(value: string, first: number, at: number): boolean {
  return at - first > 12 && /[\s"'()<>]/.test(value.slice(first, at));
}

function isUrlPrefix(value: string, previous: number): boolean {
  return previous < 0 && /\s/.test(value);
}

const UNIX_FILES =
  /(?:^|[\s/"'`=:;|&<>(,{[!])(?:\/|\.{1,2}\/)?(?:etc\/{1,8}(?:\.{1,2}\/{1,8}){0,4}(?:passwd|shadow|group|gshadow|hosts(?:\.allow|\.deny)?\b|issue|fstab|crontab|sudoers|master\.passwd|security\/|ssh\/|nginx\/|apache2?\/|httpd\/|mysql\/|my\.cnf|php|resolv\.conf|environment|profile|inetd|motd|subuid|subgid|pam\.d|network|init\.d|rc\.|os-release|lsb-release|redhat-release|debian_version|exports|services|ssl\/|cron|hostname|mtab|networks|protocols|inittab|ftpusers|shells|aliases|bashrc|ld\.so|logrotate|modules|samba|snmp|squid|vsftpd|proftpd|openldap|ldap|krb5|kubernetes|docker|default\/|sysconfig|syslog|rsyslog|xinetd|wgetrc|login\.defs|securetty|timezone|udev|updatedb)|proc\/(?:self|version|\d{1,6}|cpuinfo|meminfo|cmdline|mounts|net\/|sched_debug|interrupts|modules|filesystems|partitions|devices|ioports|loadavg|uptime|stat|swaps|sys\/|\[)|sys\/(?:class|devices|fs|kernel|module|firmware)\b|var\/(?:logs?\/|adm\/|apache2?\/|lib\/(?:mlocate|mysql|php|pgsql|docker\/|kubelet\/)|spool\/cron|mail\/|run\/(?:docker|secrets)|www\/(?:logs?|conf|\w{0,20}\/?(?:config|wp-config|\.)))|root\/\.|home\/[\w.-]{1,32}\/\.|usr\/(?:local\/)?(?:apache2?|etc|psa|php|mysql|nginx|tomcat|cpanel|pgsql|lib\/(?:cron|security|php)|libexec|pkgsrc)\b|opt\/(?:lampp|bitnami|xampp)\/|etc\/[\w.-]{1,30}\/(?:[\w.-]{1,40}\/){0,4}[\w.-]{1,40}\.(?:pem|key|conf|cnf|cfg)\b|dev\/(?:tcp|udp|shm\/|random|zero|sd[a-z]|mem)\b|private\/etc\/|apache2?\/(?:logs|conf)\/|tmp\/sess_|run\/secrets\/)/i;
const WINDOWS_FILES = [
  /(?:^|[\s\\/"'=:|&(])(?:windows[\\/]{1,8}(?:system32|win\.ini|system\.ini|repair|php\.ini|debug|panther|system\b|explorer|temp[\\/])|winnt[\\/]|boot\.ini|win\.ini(?:$|[\s"'%&;?#])|inetpub[\\/]|system32[\\/](?:drivers|config|inetsrv|cmd|license|eula|logfiles)|documents and settings[\\/])/i,
  /(?:^|[\s\\/"'=:|&(])(?:users[\\/](?:administrator|default|public)[\\/]|ntuser\.dat|sysprep\.(?:inf|xml)|unattend(?:ed)?\.xml|php[\\/]php\.ini|xampp[\\/]|autoexec\.bat|[a-z]:[\\/]{1,8}(?:windows|winnt|boot\.ini|inetpub|xampp|program files))/i,
];
const DOT_FILES =
  /(?:^|[\s\\/"'=:|&(])\.(?:ssh[\\/]|bash_(?:history|profile|logout)|bashrc|zsh_history|zshrc|sh_history|mysql_history|psql_history|python_history|node_repl_history|history\b|netrc|pgpass|my\.cnf|htaccess|htpasswd|htdigest|htgroup|aws[\\/]|docker[\\/]|kube[\\/]|npmrc|pypirc|git-credentials|git[\\/]|svn[\\/]|hg[\\/]|env(?!\.(?:example|sample|template|dist)\b)(?=$|[\s"'&;?#.])|rhosts|shosts|(?:[ck]|tc)shrc\b|Xauthority\b|passwd(?=$|[\s"'&;?#])|forward|viminfo|gnupg[\\/]|boto\b|s3cfg|config[\\/]gcloud|wgetrc|DS_Store|user\.ini)/i;
const APPLICATION_FILES =
  /(?:^|[\s\\/"'=:|&(])(?:wp-config[._-]?\s?(?:php|txt|bak)|web\.config|WEB-INF[\\/]|META-INF[\\/](?:MANIFEST|context|maven)|id_(?:rsa|dsa|ecdsa|ed25519)\b|authorized_keys|known_hosts|httpd\.conf|php\.ini\b|my\.ini\b|localsettings\.php|config(?:uration)?\.php(?:~|\.bak)?(?=$|[\s"'&;])|settings\.php\b|parameters\.yml|database\.yml|secrets\.yml|global\.asax|(?:backup|dump|database|db)\.sql(?:\.(?:gz|zip|bz2|tar))?\b|(?:ssl_)?(?:access|error|referer|agent)[._-]logs?\b|(?:mysql|mysqld|pureftpd|proftpd|vsftpd|maillog|lastlog|messages|syslog|auth|kern|boot|secure|catalina)\.(?:log|err|out|conf|passwd)\b|error[._]log\b|tomcat-users\.xml|master\.passwd\b|docker-compose\.ya?ml|debug\.log\b)/i;

// Without one of these beginnings there is nothing for the patterns to find.
const UNIX_FOLDERS = literalGroup([
  "etc/",
  "roc/",
  "sys/",
  "var/",
  "oot/",
  "ome/",
  "usr/",
  "opt/",
  "dev/",
  "pache",
  "che2",
  "tmp/",
  "run/",
]);
const WINDOWS_NAMES = literalGroup([
  "windows",
  "winnt",
  "win.",
  "boot.",
  "inetpub",
  "em32",
  "nts and",
  "sers/",
  "ntuser",
  "ysprep",
  "attend",
  "php/",
  "xampp",
  "toexec",
  "ogram files",
]);
const APPLICATION_NAMES = literalGroup([
  "onfig",
  "-inf",
  "id_r",
  "id_d",
  "id_e",
  "horized",
  "n_hosts",
  ".ini",
  ".conf",
  "ttings",
  ".yml",
  ".yaml",
  ".asax",
  ".sql",
  "_log",
  ".log",
  "-log",
  "logs",
  ".out",
  ".passwd",
  "sql.",
  "ysql",
  ".err",
  "cat-users",
]);

/** Of which a plain URL holds one where {@link detectFileAccess} finds something in it. */
export const FILE_URL_WORDS = UNIX_FOLDERS | WINDOWS_NAMES | APPLICATION_NAMES;

/** Paths of files that hold secrets or tell about the system, as a value names them. */
export function detectFileAccess(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if ((classes & (SLASH | DOT | BACKSLASH | COLON | PERCENT)) === 0 || value.length < 5)
    return undefined;
  const whole = wholePath(value);
  if (whole !== undefined) return { sign: whole, start: 0, end: value.length };
  const folded = (classes & PERCENT) === 0 && (classes & BACKSLASH) === 0 ? value : fold(value);
  const groups = literalGroups(folded);
  if ((classes & (SLASH | BACKSLASH | PERCENT)) !== 0) {
    if ((groups & UNIX_FOLDERS) !== 0) {
      const compact =
        folded.includes("/./") || folded.includes("//")
          ? folded.replace(/\/(?:\.?\/)+/g, "/")
          : folded;
      const found = foldedSign(compact, UNIX_FILES, "system-file", value.length);
      // A sentence that mentions a path: "edit /etc/hosts and restart"
      if (found !== undefined && !mentioned(compact, found)) return found;
    }
  }
  if ((classes & (BACKSLASH | SLASH | DOT)) !== 0) {
    const found =
      (groups & WINDOWS_NAMES) !== 0
        ? foldedSign(folded, WINDOWS_FILES, "windows-file", value.length)
        : undefined;
    if (found !== undefined && !mentioned(folded, found)) return found;
  }
  if ((classes & (DOT | SLASH | BACKSLASH)) !== 0) {
    const found =
      (namesHidden(folded) ? foldedSign(folded, DOT_FILES, "dot-file", value.length) : undefined) ??
      ((groups & APPLICATION_NAMES) !== 0
        ? foldedSign(folded, APPLICATION_FILES, "application-file", value.length)
        : undefined);
    if (found !== undefined && !mentioned(folded, found)) return found;
  }
  return undefined;
}

// A dot before a letter, where a name may begin.
function namesHidden(text: string): boolean {
  for (let at = text.indexOf("."); at >= 0; at = text.indexOf(".", at + 1)) {
    const next = text.charCodeAt(at + 1);
    if (!isLetterCode(next) && next !== 0x5f) continue;
    const before = at === 0 ? 0x20 : text.charCodeAt(at - 1);
    const isInside = before === 0x2e || before === 0x2d || (before < 0x80 && isWordCode(before));
    if (!isInside) return true;
  }
  return false;
}

/** Positions in a folded text, which may be longer than the value. */
function foldedSign(
  text: string,
  patterns: RegExp | readonly RegExp[],
  name: string,
  length: number,
): Finding | undefined {
  const found = sign(text, patterns, name);
  return found === undefined
    ? undefined
    : { sign: name, start: Math.min(found.start, length), end: Math.min(found.end, length) };
}

// https://a.test/b/c/../d: one step up that does not leave the site
function staysInSite(value: string, at: number): boolean {
  const authority = value.lastIndexOf("//", at);
  if (authority < 5 || at - authority > 400) return false;
  if (!/https?(?::|%3a)$/i.test(value.slice(Math.max(0, authority - 8), authority))) return false;
  return /^[^\s/?#&]{1,255}\/[^\s/?#&][^\s?#&]{0,400}$/.test(value.slice(authority + 2, at));
}

// A file's name in a sentence, with no mark of a command, a parameter or a scheme.
const PATH_AND_WORDS = /^\/(?!.{0,80}\.\.)[\w./-]{3,80}(?:\s[a-z]{2,20}){2,8}[?!.]?$/i;

function mentioned(value: string, found: Finding): boolean {
  // ".htaccess redirect www": a file's name and what is asked about it
  if (
    found.start === 0 &&
    /^[.\w-]{1,40}(?:\s[a-z]{2,20}){1,8}(?:\s[\w.]{1,30})?[?!]?$/i.test(value) &&
    !value.includes("/")
  )
    return true;
  // "/etc/hosts permission denied", source="access.log" | stats count by status
  if (found.start === 0 && PATH_AND_WORDS.test(value)) return true;
  if (
    found.sign === "application-file" &&
    /^[^/\\]{1,40}$/.test(value.slice(Math.max(0, found.start), found.end + 1)) &&
    value.split(" ", 5).length > 4 &&
    !/[;&`$<>]/.test(value) &&
    !followsCommand(value, found.start)
  )
    return true;
  return isMentioned(value, found.start, found.end) && !followsCommand(value, found.start);
}

function followsCommand(value: string, at: number): boolean {
  return /(?:^|[;|&$`\n]\s{0,4})(?:cat|more|less|head|tail|nl|tac|type|ls|cp|mv|rm|vi|nano|grep|sed|awk|curl|wget|file|source|od|xxd|strings|sort|cut|rev|diff|find|tee|dir|copy|ln|chmod|chown|include|require)\s(?:-\S{1,12}\s){0,3}["'`(]?$/i.test(
    value.slice(Math.max(0, at - 40), at + 1),
  );
}
