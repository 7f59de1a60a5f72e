import {
  characterClasses,
  COLON,
  DOT,
  isDigitCode,
  literalGroup,
  literalGroups,
  SLASH,
  WIDE,
} from "./characters.ts";
import { sign, type Finding } from "./finding.ts";
import { countWords } from "./prose.ts";

// Where a URL in a value leads: to the machine itself, to the metadata service of a cloud, or
// through a scheme that is no web page. Addresses are compared as numbers, so that every spelling
// of 127.0.0.1 (decimal, octal, hexadecimal, shortened, IPv4 inside IPv6) is one.

const SCHEMES =
  /(?:^|[^\w.+-])(?:gopher|dict|file|php|phar|expect|zlib|compress\.(?:zlib|bzip2)|glob|ogg|rar|ssh2(?:\.\w{1,10})?|zip|jar|netdoc|ldaps?|ldapi|tftp|sftp|imaps?|pop3|smb|svn|telnet|rtmp|vbscript|iiop|corba|rmi|jndi|dns|data):(?:\/{2,3}|(?=file:|https?:|text\/|application\/|;base64|,|\/(?!\/(?:\s|$))))[^\s]/gi;
/** Schemes an honest value may hold as well, in an attachment, an image, a directory's address. */
const MILD = /^(?:data|sftp|svn|ldaps?|imaps?|file|smb|rtmp|telnet|zip|jar|dns|pop3)$/i;

const METADATA_HOSTS =
  /(?:^|[/@.])(?:metadata\.(?:google\.internal|packet\.net|goog|tencentyun\.com)|instance-data(?:\.ec2\.internal)?|169\.254\.169\.254\.(?:nip|sslip|xip)\.io|rancher-metadata|metadata(?=[:/?#]|$)|metadata\.nicegram|kubernetes\.default(?:\.svc)?(?:\.cluster\.local)?|(?:host|gateway|kubernetes)\.docker\.internal|host\.containers\.internal|localtest\.me|lvh\.me|spoofed\.[\w.-]{1,40}\.burpcollaborator\.net|customer1\.app\.localhost\.my\.company\.127\.0\.0\.1\.nip\.io|localdomain\.pw|\w{0,40}\.?(?:oast(?:ify)?\.(?:me|com|pro|live|site|online|fun)|burpcollaborator\.net|interact\.sh|oastify\.com|r87\.me|ngrok\.io|requestbin\.net|dnslog\.cn|ceye\.io|bxss\.me))(?:[:/?#]|$)/i;
const LOCAL_NAMES =
  /^(?:localhost|localhost4|localhost6|localhost\.localdomain|localhost4\.localdomain4|localhost6\.localdomain6|ip6-localhost|ip6-loopback|ipv6-localhost|ipv6-loopback|loopback|0)$/i;
/** Loopback, link-local and unspecified addresses, and those of IPv4 inside IPv6. */
const LOCAL_IPV6 = [
  /^(?:::1?|fd00:ec2::254|fe80::.*)$/,
  /^0{1,4}(?::0{1,4}){6,7}(?::0{0,3}1)?$/,
  /^(?:::|0{1,4}(?::0{1,4}){4}:)ffff:(?:7f|0:|a9fe|127\.|169\.254|10\.|0\.)/,
  /^::(?:127|169\.254)\./,
];
const EMBEDDED_ADDRESS =
  /(?:^|[.-])(?:127-0-0-1|127\.0\.0\.1|169-254-169-254|169\.254\.169\.254|10\.0\.0\.\d{1,3}|7f000001|a9fea9fe)\.(?:nip|sslip|xip)\.io$/i;
const AUTHORITY =
  /(?:^|[\s"'`=(<>,;@[])(?:(https?|ftps?|wss?|gopher|dict|ldap):|(?=\/\/))(?:\/{0,4}|\\{1,4}|[/\\]{2})(?:[^\s/@?#"'<>]{0,200}@)?(\[[0-9a-f:.%a-z]{2,60}\]?|[^\s/\\?#:"'<>@,;&|(){}]{1,253})(?::(\d{1,5}))?([/?#][^\s"'<>]{0,300})?/gi;

// Without one of these there is nothing for the patterns to find.
const SCHEME_ENDS = literalGroup(
  "ssh2 her: ict: ile: php: har: ect: lib: ip2: lob: ogg: rar: sh2: zip: jar: doc: dap: aps: api: ftp: map: op3: smb: svn: net: tmp: ipt: iop: rba: rmi: ndi: dns: ata:".split(
    " ",
  ),
);
export const HOST_WORDS = literalGroup(
  "metadata instance-data 169. rancher kubernetes docker containers localhost localdomain localtest loopback lvh.me spoofed customer1 oast burpcollaborator interact.sh r87. ngrok requestbin dnslog ceye bxss ip6- ipv6- .nip.io .sslip .xip.io".split(
    " ",
  ),
);

/** URLs that make the application ask for what the client may not. */
export function detectServerSideRequest(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if (
    (classes & (COLON | SLASH)) === 0 ||
    (classes & (DOT | COLON | SLASH)) === 0 ||
    value.length < 7
  )
    return undefined;
  const groups = literalGroups(value);
  if ((groups & SCHEME_ENDS) !== 0) {
    SCHEMES.lastIndex = 0;
    for (
      let match = SCHEMES.exec(value), tries = 0;
      match !== null && tries < 64;
      match = SCHEMES.exec(value), tries++
    ) {
      const text = match[0].replace(/^[^\w]/, "");
      const scheme = text.slice(0, text.indexOf(":"));
      if (MILD.test(scheme) && !dangerousMild(value, match.index, scheme.toLowerCase())) continue;
      return { sign: "scheme", start: match.index, end: match.index + match[0].length };
    }
  }
  // Other characters may be folded into those of a name.
  const mayBeNamed = (groups & HOST_WORDS) !== 0 || (classes & WIDE) !== 0;
  if (!mayBeNamed && !holdsAddress(value)) return undefined;
  if (
    !value.includes("//") &&
    !value.includes("\\\\") &&
    !/(?:http|ftp|ws|gopher|dict|ldap)s?:/i.test(value)
  )
    return localName(value);
  // http://127.0.0.1\@x: browsers take the mark for a slash, others for a part of a user's name
  const found =
    localHost(value, mayBeNamed) ??
    (value.includes("\\") && value.includes("@")
      ? localHost(value.replaceAll("\\", "/"), mayBeNamed)
      : undefined);
  return found ?? localName(value);
}

function localHost(value: string, mayBeNamed: boolean): Finding | undefined {
  AUTHORITY.lastIndex = 0;
  for (
    let match = AUTHORITY.exec(value), tries = 0;
    match !== null && tries < 64;
    match = AUTHORITY.exec(value), tries++
  ) {
    const sign = hostSign(
      match[2]!,
      mayBeNamed,
      match[3],
      match[4] ?? "",
      value.length === match.index + match[0].length && match.index <= 1,
    );
    if (sign !== undefined && !isTalkedAbout(value, match.index))
      return { sign, start: match.index, end: match.index + match[0].length };
    if (match[0].length === 0) AUTHORITY.lastIndex++;
  }
  return undefined;
}

// "The app at http://localhost shows 404": what fetches a URL gets a URL, no sentence
function isTalkedAbout(value: string, at: number): boolean {
  const before = value.slice(Math.max(0, at - 160), at + 1);
  return (
    /\s/.test(before.trimStart()) &&
    !before.includes("<") &&
    countWords(before) >= 2 &&
    /[A-Za-z\u00c0-\uffff]{2}[^\s]{0,24}\s[^\s]{0,40}$/.test(before)
  );
}

// A digit or a bracket where a host begins: behind @, a colon, or two slashes, of which one may be missing.
function holdsAddress(value: string): boolean {
  for (let at = value.indexOf(":"); at >= 0; at = value.indexOf(":", at + 1)) {
    if (beginsAddress(value.charCodeAt(at + 1))) return true;
    if (isSlash(value.charCodeAt(at + 1)) && beginsAddress(value.charCodeAt(at + 2))) return true;
  }
  for (let at = value.indexOf("@"); at >= 0; at = value.indexOf("@", at + 1)) {
    if (beginsAddress(value.charCodeAt(at + 1))) return true;
  }
  return holdsAfterSlashes(value, "/") || (value.includes("\\") && holdsAfterSlashes(value, "\\"));
}

function beginsAddress(code: number): boolean {
  return code === 0x5b || isDigitCode(code);
}

/** Behind this slash and another one before it. */
function holdsAfterSlashes(value: string, slash: string): boolean {
  for (let at = value.indexOf(slash); at >= 0; at = value.indexOf(slash, at + 1)) {
    if (isSlash(value.charCodeAt(at - 1)) && beginsAddress(value.charCodeAt(at + 1))) return true;
  }
  return false;
}

function isSlash(code: number): boolean {
  return code === 0x2f || code === 0x5c;
}

const REMOTE_FILE =
  /^\s{0,4}(?:(?:https?|ftps?|file)(?::\/\/[^\s?#]{0,400})?\?{1,2}\s{0,4}$|(?:https?|ftps?):\/\/[^\s/?#]{1,200}\/[^\s?#]{0,400}\.(?:php\d?|phtml|inc|cgi|asp)(?:\?{1,2}(?:cmd=.{0,80})?|%00.{0,40})\s{0,4}$|(?:https?|ftps?):\/\/(?:\d{1,3}\.){3}\d{1,3}\/?\S{0,400}\.(?:php\d?|txt|inc|jpe?g|gif|sh|pl|py|exe|jsp)\b|(?:https?|ftps?):\/\/\[?[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,8}\]?[/:]|ftps?:\/\/(?:\d{1,3}\.){3}\d{1,3})/i;
// Without a mark that cuts off what the application appends, the URL of a page of any site written in PHP is none to
// wonder at; that of a shell, of a part of a page, in a hidden folder or on an FTP server is.
const REMOTE_SCRIPT =
  /^\s{0,4}(?:https?|ftps?):\/\/[^\s/?#]{1,200}\/(?:[^\s?#]{0,400}\.(?:phtml|inc)|(?:[^\s?#]{0,200}[/_-])?(?:c99|r57|b374k|wso|web-?shell|backdoor|shell|cmd)[\w.-]{0,16}\.(?:php\d?|cgi|asp)|(?:[^\s?#]{0,200}\/)?\.(?!well-known)\w[^\s?#]{0,200}\.(?:php\d?|cgi|asp))\s{0,4}$|^\s{0,4}ftps?:\/\/[^\s/?#]{1,200}\/[^\s?#]{0,400}\.(?:php\d?|cgi|asp)\s{0,4}$/i;
export const SCRIPT_ENDS = literalGroup([".php", ".phtml", ".inc", ".cgi", ".asp"]);

/** The URL of a script, or of a file whose name the application is to end. */
export function detectRemoteFile(value: string): Finding | undefined {
  const mayBe =
    (literalGroups(value) & SCRIPT_ENDS) !== 0 ||
    holdsAddress(value) ||
    value.trimEnd().endsWith("?") ||
    holdsColons(value, 4);
  return mayBe ? sign(value, [REMOTE_FILE, REMOTE_SCRIPT], "remote-file") : undefined;
}

function holdsColons(value: string, least: number): boolean {
  let at = -1;
  for (let count = 0; count < least; count++) {
    at = value.indexOf(":", at + 1);
    if (at < 0) return false;
  }
  return true;
}

function localName(value: string): Finding | undefined {
  // "localhost/", "host.docker.internal/": a name without a scheme, the whole value
  if (value.length < 80 && /^[\w.-]{3,60}\/[\w./-]{0,20}$/.test(value)) {
    const host = value.slice(0, value.indexOf("/"));
    if ((LOCAL_NAMES.test(host) && host !== "0") || METADATA_HOSTS.test(host))
      return { sign: "local-name", start: 0, end: value.length };
  }
  return undefined;
}

function dangerousMild(value: string, at: number, scheme: string): boolean {
  const rest = value.slice(at, at + 80).toLowerCase();
  switch (scheme) {
    case "file":
      return (
        (at <= 1 && !/\s/.test(value.trim())) ||
        /file:\/{2,5}(?:etc|proc|var\/|c[:|%](?:25)?[\\/]{0,3}(?:windows|winnt|boot|win\.)|windows\/|localhost\/|\.{2}|\w{1,20}\/\.\.|root\/)/.test(
          rest,
        )
      );
    case "data":
      return (
        /data:(?:\/\/)?(?:text\/(?:html|plain|php|xml)|application\/(?:x-(?:httpd-)?php|xml|javascript))(?:[;,]|$)/.test(
          rest,
        ) && at <= 1
      );
    case "jar":
      return /jar:(?:https?|file):/.test(rest) && rest.includes("!");
    case "zip":
      return rest.includes("#") || rest.includes("%23");
    default:
      return at <= 1;
  }
}

function hostSign(
  rawHost: string,
  mayBeNamed: boolean,
  port: string | undefined,
  path: string,
  whole: boolean,
): string | undefined {
  const host = normalizeLetters(rawHost).toLowerCase().replace(/\.$/, "");
  if (mayBeNamed && METADATA_HOSTS.test(host)) return "metadata-host";
  if (mayBeNamed && EMBEDDED_ADDRESS.test(host)) return "embedded-address";
  if ((mayBeNamed || host === "0") && LOCAL_NAMES.test(host)) {
    // A developer's own application calls back to localhost:3000.
    const number = port === undefined ? 80 : Number(port);
    return number >= 1024 &&
      number !== 3306 &&
      number !== 6379 &&
      number !== 11211 &&
      number !== 9200 &&
      number !== 5432 &&
      number !== 27017 &&
      number !== 2375 &&
      number !== 10250
      ? undefined
      : "local-name";
  }
  if (host.startsWith("[")) {
    const inner = host.replace(/[[\]]/g, "").split("%", 1)[0]!;
    if (LOCAL_IPV6.some((pattern) => pattern.test(inner))) return "local-address";
    return undefined;
  }
  if (!isDigitCode(host.charCodeAt(0)) && host.charCodeAt(0) < 0x80) return undefined;
  const number = ipv4Number(host);
  if (number < 0) return undefined;
  const first = Math.floor(number / 0x1000000);
  if (first === 127 || number === 0)
    return port !== undefined &&
      Number(port) >= 3000 &&
      Number(port) < 9000 &&
      /^\/(?:callback|auth|oauth)/.test(path)
      ? undefined
      : "local-address";
  if (Math.floor(number / 0x10000) === 0xa9fe || number === 0xc00000c0 || number === 0x646464c8)
    return "metadata-address";
  // Not dotted in four: only someone who hides an address writes it so.
  if (!/^\d{1,3}(?:\.\d{1,3}){3}$/.test(host) || /(?:^|\.)0\d/.test(host)) return "odd-address";
  return whole && /^\/.*\.(?:php|txt|jsp|aspx?|sh|pl|gif\?|jpg\?)/i.test(path)
    ? "file-from-address"
    : undefined;
}

// Ⓔ and ①: enclosed and full-width forms that resolvers map to ASCII
function normalizeLetters(host: string): string {
  return /[\u0080-\uffff]/.test(host) ? host.normalize("NFKC").replaceAll("\u3002", ".") : host;
}

/** The address that `host` means to inet_aton, or -1 where it is a name. */
function ipv4Number(host: string): number {
  if (!/^(?:0x[0-9a-f]{1,16}|\d{1,12})(?:\.(?:0x[0-9a-f]{1,8}|\d{1,12})){0,3}$/.test(host))
    return -1;
  const parts = host.split(".");
  if (parts.length === 1 && /^\d{1,7}$/.test(host)) return -1;
  let number = 0;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!;
    const value = part.startsWith("0x")
      ? Number.parseInt(part.slice(2).slice(-8), 16)
      : part.length > 1 && part.startsWith("0")
        ? Number.parseInt(part, 8)
        : Number(part);
    if (Number.isNaN(value)) return -1;
    if (index === parts.length - 1) number += value % 256 ** (5 - parts.length);
    else number += (value % 256) * 256 ** (3 - index);
  }
  return number;
}
