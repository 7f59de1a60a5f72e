import {
  AT,
  BRACE,
  BRACKET,
  BREAK,
  characterClasses,
  COLON,
  DOLLAR,
  EQUAL,
  HASH,
  isSpaceCode,
  isWordCode,
  LESS,
  literalGroup,
  literalGroups,
  PAREN,
  QUOTE,
} from "./characters.ts";
import { sign, type Finding } from "./finding.ts";
import { isNamedCall } from "./prose.ts";

// PHP that is evaluated: its tags, its superglobals, calls of functions by name, by a string or
// by a variable, its settings and its serialised objects.

function set(words: string): ReadonlySet<string> {
  return new Set(words.trim().split(/\s+/));
}

/** Names that no other language and no sentence puts before a bracket. */
const OWN_FUNCTIONS: ReadonlySet<string> = set(`
  base64_decode base64_encode bzdecompress call_user_func call_user_func_array create_function curl_exec curl_init
  curl_setopt curl_multi_exec error_log escapeshellarg escapeshellcmd file_exists file_get_contents file_put_contents
  fputcsv fsockopen pfsockopen get_current_user get_defined_constants get_defined_functions get_defined_vars getcwd
  getenv gzdecode gzinflate gzuncompress zlib_decode highlight_file highlight_string html_entity_decode ini_get
  ini_get_all ini_set ini_restore is_array is_callable move_uploaded_file mysql_query mysqli_query ob_start
  parse_ini_file parse_str passthru pcntl_exec php_uname php_sapi_name phpcredits phpinfo phpversion posix_getegid
  posix_geteuid posix_getpwuid posix_getuid posix_kill posix_mkfifo posix_setuid posix_uname preg_replace
  preg_replace_callback print_r proc_close proc_get_status proc_open proc_terminate putenv readfile readgzfile
  realpath register_shutdown_function register_tick_function runkit_function_rename scandir set_include_path
  shell_exec show_source simplexml_load_file simplexml_load_string spl_autoload_register str_ireplace str_rot13
  str_replace strrev stream_context_create stream_get_contents strip_tags symlink sys_getloadavg tempnam tmpfile
  unserialize urldecode var_dump var_export xmlrpc_decode allow_url_fopen array_map array_filter array_walk
  array_map_recursive usort uasort uksort array_diff_uassoc array_intersect_uassoc iterator_apply fpassthru
  disk_free_space fileatime filegroup fileowner fileperms finfo_open ftok hex2bin bin2hex imagecreatefromstring
  is_executable is_readable is_writable lchgrp lchown linkinfo lstat php_strip_whitespace popen pos posix_times
  assert_options convert_uudecode convert_uuencode ctype_alpha func_get_args func_get_arg
  get_class_methods get_class_vars gzopen gzread gzpassthru gzfile apache_getenv apache_setenv apache_get_modules
  zend_version session_start wp_insert_user substr_compare substr_count strpbrk`);
/** Names that other languages have too: with an argument that a sentence would not hold. */
const COMMON_NAMES: ReadonlySet<string> = set(`
  system exec eval assert chr file fopen fread fwrite fputs readdir opendir rename unlink rmdir mkdir copy touch chmod
  chown printf sprintf vprintf print include include_once require require_once define extract unpack pack substr
  strtolower intval sizeof implode explode copy mail dl glob fgets ftp_connect expect_popen md5 sha1 crc32 hex2bin
  eregi ereg_replace mb_ereg_replace popen getmyuid getmypid gethostname array_diff filegroup`);

const TAG =
  /<\?(?:\s{0,4}php\b|=|\s{1,4}[\w$@(/]|(?:xml)?\s{0,4}:|\s{0,4}$|xml\s{1,4}\(|\s?exec\b)|[[{<]\/?php[\]}>]|\[\\php\]|<script[^>]{0,40}language\s?=\s?["']?php/i;
const SUPERGLOBAL =
  /\$_?(?:_(?:GET|POST|REQUEST|SERVER|COOKIE|FILES|ENV|SESSION)|GLOBALS|HTTP_(?:GET|POST|SERVER|COOKIE|RAW_POST|ENV|SESSION)_(?:VARS|DATA))\b|\bphp:\/\/(?:std(?:in|out|err)|input|output|fd|memory|temp|filter)|\b(?:php_uname|DIRECTORY_SEPARATOR|PHP_(?:OS|EOL|VERSION))\b\s?[(.;]|\bconvert\.iconv\.|\bstring\.rot13\b/i;
const VARIABLE_CALL = [
  /(?:^|[^\w\\])\$[a-z_]\w{0,40}(?:\s{0,4}(?:\[[^\][{}/]{1,40}\]|\{[^{}[\]/]{1,40}\}|\/\*[^*/[{]{0,60}\*\/)){0,5}\s{0,4}\((?:["'$\d@]|\s{0,4}\))/i,
  /\$\{\s{0,4}["'@$_]|\$\s{1,4}\{\s{0,4}["'@$A-Z_]|\$\w{1,40}\s{0,4}->\s{0,4}\$\w|\b[A-Z]\w{0,40}::\$\w{1,40}\s{0,4}\(/i,
  /\$\{?[a-z_]\w{0,40}\}?\s{0,4}=\s{0,4}["'][^"']{1,60}["']\s{0,4}(?:\.\s{0,4}["']|;\s{0,4}\$|;\s{0,4}\()/i,
];
const STRING_CALL =
  /(?:^|[;=\s])\(?\s{0,4}(?:\(\s{0,4}string\s{0,4}\)\s{0,4})?["'](?:[a-z_]{3,20}\s{0,4}|(?:\\x[0-9a-f]{2}|\w){4,40}|[a-z_]{1,10}["']\s?\.\s?["'][a-z_."' ]{1,20})["'](?:\s{0,4}\))?\(\s{0,4}["'$\w)]|(?:^|[;=\s])\(\s{0,4}(?:\/\*[^*]{0,40}\*\/)?\s{0,4}(?:system|exec|passthru|shell_exec|eval|assert|phpinfo|popen|sy\.\(st\)\.em|\w{1,20}(?:\s?\.\s?\(?\w{1,20}\)?){1,4})\s{0,4}\)\s{0,4}(?:\/\*[^*]{0,40}\*\/\s{0,4})?\(\s{0,4}(?:["'$\w])|\[\s{0,4}["']?[a-z_]{3,20}["']?\s{0,4}\]\)?\s{0,4}[[{]\s{0,4}(?:\/\*[^*]{0,40}\*\/)?\s{0,4}\d\s{0,4}[\]}]\)?\s{0,4}\(|\breturn\s{0,4}["']\w{3,20}["']\s{0,4}\(|\)\s{0,4}(?:\[\s?0\s?\]){1,3}\s{0,4}\(\s{0,4}["']|["']\w{0,12}["']\s{0,4}\.\s{0,4}["']\w{1,12}["']\s{0,4}\)?\s{0,4}\(|\[\s{0,4}(?:system|exec|passthru|shell_exec|eval|assert)\s{0,4}\]\s{0,4}\[|\$_{1,3}\[[^\][]{0,20}(?:\[[^\][]{0,20}\])?\]\s?\(/i;
/** (system)(…): without quotes and square brackets a name is called by what brackets hold. */
const CALLED_RESULT = /\)\s{0,4}(?:\/\*|\()/;
/** What calls of functions that other languages have too hold where PHP is meant. */
const FIRST_ARGUMENTS = [
  /^(?:["'][^"']|\$|@|chr\s?\(|base64|gz|\d{1,6}\s?\)|__FILE__|-?\d{1,20}\s?,|STDIN|hex|strrev|"\s?\.)/i,
  /^[a-z_]{2,20}\s?\(["'$\w]/i,
];
const SETTING =
  /^\s{0,4}(?:-d\s{0,4})?(?:allow_url_(?:fopen|include)|auto_(?:append|prepend)_file|disable_functions|disable_classes|open_basedir|safe_mode|suhosin\.simulation|cgi\.(?:force_redirect|redirect_status_env)|extension(?:_dir)?|memory_limit|opcache\.\w{1,40}|mbstring\.\w{1,40}|unserialize_\w{1,40}|sendmail_path|zend\.\w{1,40}|engine|error_log|session\.\w{1,40}|max_execution_time|display_errors|enable_dl|register_globals|upload_max_filesize|smtp|precision|soap\.\w{1,40}|user_agent|include_path|doc_root)\s{0,4}=\s?\S/i;
const SERIALIZED =
  /(?:^|[^\w])[oc]:\+?\d{1,6}:"[^"]{0,120}":\d{1,6}:\{|\ba:\d{1,4}:\{[is]:\d{1,6}[:;][^{}]{0,200}[oc]:\d{1,4}:"/i;

/** What {@link SUPERGLOBAL} holds besides a dollar sign. */
export const GLOBAL_WORDS = literalGroup(["php:", "php_", "ory_separator", "iconv", "rot13"]);

const CALLBACKS = /^array_(?:map|filter|walk)$/;
/** mail[#post_render][]: a property of Drupal's forms, which calls what it is set to. */
const FORM_PROPERTY = /^[\w-]{1,40}(?:\[[\w-]{0,40}\]){0,4}\[#[a-z_]{3,30}\](?:\[\w{0,20}\]){0,2}$/;

export function detectPhp(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if (
    (classes & (LESS | DOLLAR | PAREN | BRACKET | BRACE | COLON | EQUAL)) === 0 ||
    value.length < 4
  )
    return undefined;
  if ((classes & (LESS | BRACKET | BRACE)) !== 0) {
    const found = sign(value, TAG, "tag");
    // [PHP](https://…): a link of Markdown
    if (found !== undefined && !/^\[PHP\](?:\(|\s|$)/.test(value.slice(found.start, found.end + 1)))
      return found;
    if ((classes & HASH) !== 0 && value.includes("[#") && FORM_PROPERTY.test(value))
      return { sign: "form-property", start: 0, end: value.length };
  }
  if (
    (classes & DOLLAR) !== 0 ||
    ((literalGroups(value) & GLOBAL_WORDS) !== 0 &&
      ((classes & COLON) !== 0 || value.includes("convert.iconv.")))
  ) {
    const found = sign(value, SUPERGLOBAL, "superglobal");
    if (found !== undefined && !isNamedVariable(value, found)) return found;
  }
  if ((classes & DOLLAR) !== 0 && (classes & (PAREN | BRACE | EQUAL)) !== 0) {
    const found = sign(value, VARIABLE_CALL, "variable-call");
    if (found !== undefined && !isScript(value, found)) return found;
  }
  if ((classes & PAREN) !== 0) {
    const found =
      namedCall(value) ??
      ((classes & (QUOTE | BRACKET)) !== 0 || CALLED_RESULT.test(value)
        ? sign(value, STRING_CALL, "string-call")
        : undefined);
    if (found !== undefined && !isRemark(value, found)) return found;
  }
  if ((classes & COLON) !== 0 && (classes & BRACE) !== 0) {
    const found = sign(value, SERIALIZED, "serialized");
    if (found !== undefined) return found;
  }
  return (classes & EQUAL) === 0 || value.length > 200 || (classes & AT) !== 0
    ? undefined
    : sign(value, SETTING, "setting");
}

// "is no longer written to $_GET."
function isNamedVariable(value: string, { start, end }: Finding): boolean {
  return (
    value.charCodeAt(start) === 0x24 &&
    /[a-z]{2},?\s[`"']?$/i.test(value.slice(Math.max(0, start - 5), start)) &&
    /^[`"']?(?:[.,;:!?)]?\s{1,4}[a-z]|[.,;:!?)]?$)/i.test(value.slice(end, end + 8)) &&
    !/[={}]|->/.test(value)
  );
}

// "resources (e.g. logs) (Python 3)": two remarks behind a word
function isRemark(value: string, { start, end, sign: name }: Finding): boolean {
  return (
    name === "string-call" &&
    /\w$/.test(value.slice(0, start)) &&
    /^\s\(\w[^)]{0,60}\s[^)]{1,60}\)\s\(/.test(value.slice(start, end))
  );
}

// `$(…)`, `$el(…)`, `${name}` and `$x = 'y';` belong to scripts and shells as well.
function isScript(value: string, found: Finding): boolean {
  const text = value.slice(found.start, found.end);
  if (/^[^$]?\$\(/.test(text)) return true;
  return (
    /\b(?:const|let|var|function|import|export)\s|=>|\bawait\b/.test(value) &&
    !/<\?|->|\$_/.test(value)
  );
}

// The name before each bracket, comments between them passed over, is judged with what the bracket holds.
function namedCall(value: string): Finding | undefined {
  const isBroken = (characterClasses(value) & BREAK) !== 0;
  for (let at = value.indexOf("("); at >= 0; at = value.indexOf("(", at + 1)) {
    let end = at;
    while (end > 0 && at - end < 8 && isSpaceCode(value.charCodeAt(end - 1))) end--;
    let gap = at - end;
    if (end > 3 && value.charCodeAt(end - 1) === 0x2f && value.charCodeAt(end - 2) === 0x2a) {
      const from = Math.max(1, end - 79);
      const open = value.slice(from, end - 1).lastIndexOf("/*");
      if (open >= 0) {
        end = from + open;
        gap = 0;
        while (end > 0 && at - end < 90 && isSpaceCode(value.charCodeAt(end - 1))) end--;
      }
    } else if (gap > 0 && isBroken) {
      // name #comment ⏎ (
      const commented = nameBeforeComment(value.slice(Math.max(0, end - 70), at));
      if (COMMON_NAMES.has(commented))
        return { sign: "call", start: Math.max(0, end - 70), end: at + 1 };
    }
    if (value.charCodeAt(end - 1) === 0x3d && end > 1) {
      end--; // Shell_exec=(…)
      gap = 1;
    }
    let start = end;
    while (
      start > 0 &&
      end - start < 40 &&
      isWordCode(value.charCodeAt(start - 1)) &&
      value.charCodeAt(start - 1) < 0x80
    )
      start--;
    const length = end - start;
    if (length < 3 || length > 32) continue;
    const name = value.slice(start, end).toLowerCase();
    // array_map(function ($x) { … }: what is called stands there to be read
    if (
      CALLBACKS.test(name) &&
      /^\(\s{0,4}(?:static\s)?(?:function\s?|fn\s?)\(/.test(value.slice(at, at + 24))
    )
      continue;
    if (isNamedCall(value, start, at)) continue;
    if (
      name.includes("_") || name.length > 5
        ? OWN_FUNCTIONS.has(name) || endsWithOwn(name)
        : OWN_FUNCTIONS.has(name)
    ) {
      if (gap === 0 || name.includes("_"))
        return { sign: "call", start, end: Math.min(value.length, at + 20) };
    }
    if (!COMMON_NAMES.has(name)) continue;
    // require("module") is Node's; PHP's names a file
    if (
      /^(?:require|include)/.test(name) &&
      !/^\(\s{0,4}(?:\$|["'](?:\/|\.\.|https?:|ftp:|php:|data:|[^"']{1,80}\.(?:php|txt|inc|log)))/i.test(
        value.slice(at, at + 100),
      )
    )
      continue;
    const before = start === 0 ? 0 : value.charCodeAt(start - 1);
    if (before === 0x2e || before === 0x3e || before === 0x3a || before === 0x2d || before === 0x23)
      continue; // pattern.exec(…)
    if (
      name === "require" &&
      !/^\(\s{0,4}(?:\$|["'](?:https?:|php:|data:|[^"']{1,80}\.(?:php|inc)))/i.test(
        value.slice(at, at + 100),
      )
    )
      continue;
    const inside = value.slice(at + 1, at + 40).trimStart();
    const rest = value.slice(at + 1, at + 60);
    if (gap === 0 || !/[a-z,]\s$/i.test(value.slice(Math.max(0, start - 2), start))) {
      if (FIRST_ARGUMENTS.some((pattern) => pattern.test(inside)) && isCode(name, value))
        return { sign: "call", start, end: Math.min(value.length, at + 20) };
      if (/^(?:\s{0,4}\)|[a-z_]{1,24}\s{0,4}\))/.test(rest) && isWholeCall(value, start, at))
        return { sign: "call", start, end: Math.min(value.length, at + 20) };
    }
  }
  return undefined;
}

function endsWithOwn(name: string): boolean {
  for (const tail of [
    "call_user_func",
    "fsockopen",
    "gzdecode",
    "gzinflate",
    "base64_decode",
    "shell_exec",
  ])
    if (name.endsWith(tail)) return true;
  return false;
}

// print("…"), range(1, 5), date("…") are calls of a dozen languages; a snippet of code is no attack.
function isCode(name: string, value: string): boolean {
  if (
    !/^(?:print|printf|sprintf|copy|rename|file|pack|unpack|define|substr|explode|implode|md5|sha1|mkdir|touch|chr|date|mail|link|glob|extract|dl|intval|sizeof)$/.test(
      name,
    )
  )
    return true;
  return (
    value.length < 120 &&
    !/\b(?:const|let|var|def|function|import|class)\b|\n./.test(value) &&
    !/^(?:print|define|substr|printf|copy|date)$/.test(name)
  );
}

// "system(whoami)" and nothing around it, or code before it
function isWholeCall(value: string, start: number, at: number): boolean {
  const before = value.slice(Math.max(0, start - 12), start);
  const close = value.indexOf(")", at);
  const after = close < 0 ? "" : value.slice(close + 1, close + 24);
  return (
    /^$|[;({=@!.&|"'`/]\s{0,2}$/.test(before) && /^\s{0,4}(?:$|[;)}&|.,"'`?]|\/\/|#|s$)/.test(after)
  );
}

// "exec #why" before a line end and the bracket: the name, or ""
function nameBeforeComment(text: string): string {
  const mark = Math.max(text.lastIndexOf("#"), text.lastIndexOf("//"));
  if (mark < 0 || !/[\n\r]/.test(text.slice(mark))) return "";
  let end = mark;
  while (end > 0 && isSpaceCode(text.charCodeAt(end - 1))) end--;
  let start = end;
  while (start > 0 && isWordCode(text.charCodeAt(start - 1))) start--;
  return text.slice(start, end).toLowerCase();
}
