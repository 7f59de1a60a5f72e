// Over 400 lines: one production for each platform, over the same signs.
import {
  BACKSLASH,
  BRACE,
  BRACKET,
  BREAK,
  characterClasses,
  COLON,
  CONTROL,
  DOLLAR,
  DOT,
  EQUAL,
  HASH,
  isWordCode,
  LESS,
  OTHER,
  PAREN,
  PERCENT,
  PIPE,
  QUOTE,
  WIDE,
  literalGroup,
  literalGroups,
  spaced,
} from "./characters.ts";
import { sign, type Finding } from "./finding.ts";
import { isMarkdownLink, isNamedCall } from "./prose.ts";

// Code for the platforms behind a gateway: Java, Node, Python, Ruby, .NET; serialised objects.

const JAVA_CLASS =
  /(?:^|[^\w.])(?:java\.(?:lang\.(?:Runtime|ProcessBuilder|ProcessImpl|ClassLoader|Class(?:\b(?!\w))|System\b|Thread\b|Process\b|reflect\b|invoke\b|Shutdown)|net\.(?:URL|URLClassLoader|Socket|ServerSocket|InetAddress)\b|io\.(?:File\w{0,20}|\w{0,30}Stream|\w{0,20}Reader|\w{0,20}Writer)\b|util\.(?:Scanner|PriorityQueue|HashMap|Base64)\b|nio\.file|beans\.(?:XMLDecoder|EventHandler)|rmi\.|security\.|sql\.DriverManager|Runtime\b|ProcessBuilder\b)|javax\.(?:script|naming|management|el|swing|xml\.transform)\.|com\.sun\.|sun\.(?:misc|reflect|rmi|net)\.|jdk\.(?:internal|nashorn)|org\.(?:apache\.(?:commons|struts2?|catalina|xalan|velocity|log4j|shiro|tomcat|xbean|tapestry|el|bcel|ibatis|groovy|logging|jasper|coyote)\b|springframework\.(?:context|beans|expression|cglib|util|web|core|aop|jndi)\b|omg\.CORBA|codehaus\.groovy|hibernate\.|mozilla\.javascript|python\.|jboss\.|eclipse\.jetty|yaml\.snakeyaml|h2\.)|com\.(?:opensymphony|mchange|alibaba\.fastjson|rometools|caucho|bea\.core|mysql\.jdbc|zaxxer|tangosol|newrelic\.agent)\b|freemarker\.(?:template|core)|groovy\.(?:lang|util)\.|ognl\.|bsh\.[A-Z]|clojure\.(?:core|lang|main)|weblogic\.|net\.sf\.(?:json|ehcache)|ch\.qos\.logback)/;
const JAVA_NAME =
  /^(?:java\.lang\.[A-Z]\w{2,40}|java\.util\.[A-Z]\w{2,40}|\.?org\.apache(?:\.\w{1,40}){1,8}|\.?(?:java|javax(?!\.faces\.)|sun|com\.sun)(?:\.\w{1,40}){1,8})$/;
const JAVA_CALL = [
  /["'\]]\s?\.execute\s?\(\s?\)|getRuntime\s?\(|\bRuntime\s?\.\s?(?:getRuntime|exec)|\.exec\s?\(\s?(?:["']|new\s)|\bProcessBuilder\b|getClass\s?\(\s?\)\s?\.|\.forName\s?\(|\bClassLoader\b|getDeclared(?:Method|Field|Constructor)s?\s?\(|\.newInstance\s?\(|\bgetMethod\s?\(\s?["']|ScriptEngineManager|getEngineByName|\bSystem\.get(?:Property|env)\s?\(/i,
  /\b(?:clone|instantiate|invoker|chained|constant|map|switch)transformer\b|\b(?:prototype(?:clone|serialization)|instantiate)factory\b|\b(?:for|while|transformer|chained|switch|if)closure\b|\btemplatesimpl\b|\bjdbcrowsetimpl\b|\bclass\.(?:module|classloader|protectiondomain)\b|\bclass\[["']?(?:module|classLoader)|\bunmarshaller\b|\bbase64data\b|\bxmldecoder\b|\bSpringMacroRequestContext\b|@type["']?\s?[:=]\s?["'][\w.$]{6}/i,
  /#(?:_memberAccess|context|attr|application|session|parameters|request|response|root|ognlUtil|container|cmd|iswin|cmds|process|ros)\b\s?[[=.(]|@java\.|\bmemberAccess\b|\ballowStaticMethodAccess\b|\bxwork\b|\bredirect:\$?%?\{|\baction:%?\$?\{|\bxwork2?\.|DefaultActionMapper|MethodClosure|\bInvocationHandler\b|\bspel\b\s?\(|\bPropertyUtilsBean\b/i,
];
const LOOKUP = [
  /jndi\s{0,4}:\s{0,4}(?:ldaps?|rmi|dns|iiop|nis|nds|corba|https?|\$\{)/i,
  /(?:\$|&dollar;?|\\u0024|\\x24|%24|&#x?0{0,6}24;?|&#0{0,6}36;?)(?:\{|&lbrace;?|&lcub;?|\\u007b|\\x7b|%7b|&#x?0{0,6}7b;?|&#0{0,6}123;?) {0,4};? {0,4}(?:jndi|\$\{)/i,
];
/** Also in honest code: a sign only where the value is a line of it and nothing else. */
const NODE_SOFT =
  /(?:^|[^`\w.]\s{0,2})process\s?\.\s?(?:env|version|exit)\b|\brequire\s?\(\s?["'`](?:fs|net|http|https|vm|os|dns|cluster|repl|process|util|v8|worker_threads)\b|\bmodule\.exports\s?=|\bconsole\s?(?:\.\s?(?:info|debug|trace)\s?[(.]|\[\s?["'])|\bnew\s{1,4}Function\s?\(|\bBuffer\.from\s?\(/;
const NODE =
  /_\$\$ND_FUNC\$\$_|\b__js_function\b|\bprocess\s?(?:\.\s?(?:mainModule|binding|kill\s?\(|dlopen)|\[\s?(?:["'`]|[a-z]))|\brequire\s?(?:\(\s?["'`](?:node:)?child_process\b|\[|\.\s?main\b|\.\s?resolve\s?\()|\bchild_process["'`]?\s?(?:\)|\.\s?(?:exec|spawn|fork))|\bspawn(?:Sync)?\s?\(\s?["'`\w]|\bexec(?:Sync|File|FileSync)\s?\(\s?["'`]|\bmainModule\b|\bthis\s?\.\s?process\b|\bglobal(?:This)?\s?(?:\.\s?process|\[\s?["'`])|\bthis\.constructor\b|\bconstructor\s?\.\s?constructor\b|:constructor:constructor|["'\\]__proto__|\breaddir(?:Sync)?\s?\(|\breadFile(?:Sync)?\s?\(\s?["'`]|\bfs\.(?:readFile|writeFile|readdir|unlink|createReadStream)|\beval\s?\(\s?(?:String\.from|atob|["'`]|\w{1,30}\s?[(+])|resolved_model/;
const PROTOTYPE =
  /(?:^|[[."'{&?,\s])__proto__(?:$|[\].[":={\s])|\bconstructor\s?(?:\]\s?\[|\.|\[)\s?["']?prototype\b|\bprototype\s?\]\s?\[|\bconstructor["']\s?:\s?\{\s?["']prototype\b/;
const PYTHON =
  /\b__import__\s?\(|\bos\.(?:system|popen\d?|exec[lv]p?e?|spawn\w{0,4}|environ|listdir|getcwd)\s?[([.]|\bsubprocess\.(?:Popen|call|run|check_output|getoutput|check_call)|\bcommands\.getoutput\s?\(|\bpty\.spawn\s?\(|__(?:builtins|subclasses|globals|class(?!__\.__name__\b(?!\.))|mro|bases|reduce|code)__|\bsocket\.(?:socket|gethostbyname)\s?\(|!!?(?:python|ruby|javax?|perl|js|com\.|org\.|sun\.)[/.:]\w|!!?\w{0,20}\/(?:object|function|module|name|hash|regexp)\b|\bc(?:os|posix|nt|subprocess|__builtin__)\n(?:system|popen|Popen|eval|exec)|\bimport\s(?:os|subprocess|pty|socket|commands)\s{0,2};|\bexec\s?\(\s?["'](?:import|print)|\bcompile\s?\(\s?["']|\bopen\s?\(\s?["']\/(?:etc|proc|flag|tmp|var|home|root)|\btime\.sleep\s?\(\s?\d{1,3}\s?\)\s?(?:$|["'+#])|\bpickle\.loads\b/;
const RUBY =
  /\bProcess\s?\.\s?(?:spawn|exec|fork|clock_gettime|kill)\b|\bKernel\s?\.\s?(?:exec|system|open|eval|fork|spawn)|\bIO\s?\.\s?(?:popen|sysopen|read)|\bOpen3\.|%x\s?[({[!|]|\b(?:os\.execute|io\.popen|loadstring)\s?\(|\bFile\.(?:open|read)\s?\(\s?["']\/|\bDir\.(?:entries|glob)\s?\(\s?["']|\bsystem\s?\(\s?["']|`\s?#\{|\bsend\s?\(\s?:|\.(?:instance_eval|class_eval|constantize)\b|\bERB\.new\b|\bMarshal\s?\.\s?load\b\s?\(|\.const_get\s?\(\s?["':]|\$\{@?(?:print|system|exec|eval|phpinfo)\s?\(|\bqx\s?[({/]|\bperl\s{1,4}(?:-[\w:]{1,40}\s{1,4}){0,3}-e|\bopen\s?\(\s?["']\|/;
const DOTNET = [
  /\bSystem\.(?:Diagnostics\.Process|IO\.(?:File|Directory)|Reflection|Net\.WebClient|Text\.Encoding|Environment)\b|\bSystem\.Web\.[\w.]{1,60}|\bProcess\.Start\s?\(|\bProcessStartInfo\b/i,
  /\bAAEAAAD\/{4}|\bActivator\.CreateInstance|\bObjectDataProvider\b|\bTypeConfuseDelegate\b|\$type["']\s?:\s?["']System\./i,
];
const SERIALIZED_JAVA =
  /(?:^|[^\w+/])(?:rO0AB[A-Za-z0-9+/]{1}|KztAAU|Cs7QAF|H4sIAAAAAAAA[A-Za-z0-9+/]{40})|\u00ac\u00ed|aced0005/i;
const LATEX =
  /\\(?:input|include|lstinputlisting|verbatiminput|usepackage\{verbatim|openin|openout|newread|newwrite|write18|immediate\\write|read\\|catcode|def\\|csname|url\{file:)[\s{\\`|$=-]|\\(?:input|include)\{\/|\\begin\{filecontents/;
/** What a document is put together from, beside it. */
const OWN_CHAPTER = /\\(?:input|include)\{[\w-]{1,40}(?:\/[\w-]{1,40}){0,4}(?:\.tex)?\}/g;
const FORMULA =
  /^[=+\-@]\s?(?:cmd|[A-Z]{3,12}\s?\((?:[^)]{0,80}https?:|.{0,80}(?:\|\s{0,2}['"]|cmd))|\d[+\-*/]\d.{0,8}cmd|[\w"']{0,20}\|\s?['"]?\s?\/c\b|HYPERLINK\s?\(|IMPORT\w{2,8}\s?\(|WEBSERVICE\s?\(|rundll32\b|DDE\s?\()|\bcmd\|\s?'|\|'\s?\/c\s|\bMSEXCEL\|/i;
const EDGE_INCLUDE =
  /<esi:(?:include|inline|debug|vars|remove|assign|eval|try)\b|<xsl:(?:value-of|include|import|script|copy-of|variable|stylesheet|template|for-each|param)\b|<msxsl:|<jsp:|<c:(?:import|url|out|redirect)\b|<cfexecute|<dynamic-proxy>|<cf(?:file|http|query)\b|xmlns:(?:php|exploit|ptswarm|rt|ob|date|fn|user)\s?=\s?["'](?:http:\/\/(?:php\.net|xml\.apache\.org\/xalan|saxon|exslt)|urn:)/i;

// Without one of these beginnings there is nothing for the patterns to find.
const JAVA_PACKAGES = literalGroup([
  "java",
  "com.",
  "sun.",
  "jdk.",
  "org.",
  "eemarker",
  "roovy",
  "ognl",
  "bsh.",
  "lojure",
  "logic.",
  "net.sf",
  "h.qos",
]);
const JAVA_WORDS = literalGroup([
  "untime",
  "exec",
  "cessBuilder",
  "getc",
  "forn",
  "classl",
  "class.",
  "ss.m",
  "ss.c",
  "ss.p",
  "ss[m",
  "ss[c",
  "getd",
  "nstance",
  "getm",
  "getp",
  "gete",
  "ineManager",
  "nsformer",
  "factory",
  "losure",
  "latesImpl",
  "dbcr",
  "marshaller",
  "se64d",
  "ldecoder",
  "ngMacro",
  "@type",
  "#_me",
  "#con",
  "#att",
  "#app",
  "#ses",
  "#par",
  "#req",
  "#res",
  "#roo",
  "#ogn",
  "#cmd",
  "#isw",
  "#pro",
  "#ros",
  "@java",
  "berAccess",
  "owStatic",
  "xwork",
  "ect:",
  "ion:",
  "nMapper",
  "nHandler",
  "spel",
  "tyUtils",
]);
const NODE_WORDS = literalGroup([
  "$$ND",
  "js_f",
  "ocess",
  "requ",
  "ild_",
  "spawn",
  "exec",
  "nModule",
  "lobal",
  "nstructor",
  "__pr",
  "addi",
  "dfile",
  "fs.r",
  "fs.w",
  "fs.u",
  "fs.c",
  "eval",
  "ed_model",
  ".exp",
  "nsole",
  "Function",
  "uffer",
  // Of PROTOTYPE, which is looked for by this word.
  "proto",
]);
const PYTHON_WORDS = literalGroup([
  "__im",
  "__bu",
  "__su",
  "__gl",
  "__cl",
  "__mr",
  "__ba",
  "__re",
  "__co",
  "os.s",
  "os.p",
  "os.e",
  "os.l",
  "os.g",
  "bprocess",
  "toutput",
  "pty.",
  "et.s",
  "et.g",
  "!pyt",
  "!rub",
  "!jav",
  "!per",
  "!js.",
  "!js:",
  "!js/",
  "!com",
  "!org",
  "!sun",
  "/obj",
  "/fun",
  "/mod",
  "/nam",
  "/has",
  "/reg",
  "import",
  "exec",
  "mpile",
  "open",
  "leep",
  "ickle",
  "cos\n",
  "cposix",
  "cnt\n",
  "csubp",
  "c__bu",
]);
const RUBY_WORDS = literalGroup([
  "ocess",
  "ernel",
  "io.p",
  "io.s",
  "io.r",
  ...spaced("io._"),
  ...spaced("io_."),
  "pen3",
  "ile.",
  "dir.",
  "system",
  "send",
  "_eval",
  "tantize",
  "nst_get",
  "arshal",
  "erb.",
  "{prin",
  "{@pr",
  "{sys",
  "{@sy",
  "{exe",
  "{@ex",
  "{eva",
  "{@ev",
  "{php",
  "{@ph",
  "perl",
  "open",
  "os.e",
  "loads",
]);
const DOTNET_WORDS = literalGroup([
  "tem.",
  "ocess",
  "aaeaaad",
  "tivator",
  "ectData",
  "peConfuse",
  "$type",
]);
const LOOKUP_WORDS = literalGroup(["jndi", "dollar"]);
/** How objects of Java begin in base64 and in hexadecimal. */
export const SERIALIZED_WORDS = literalGroup([
  "ro0a",
  "kzta",
  "cs7q",
  "h4si",
  "aced",
  "aaea",
  "gasv",
]);

/** Of which a plain URL holds one where {@link detectCode} finds something in it. */
export const CODE_URL_WORDS =
  JAVA_PACKAGES |
  JAVA_WORDS |
  NODE_WORDS |
  PYTHON_WORDS |
  RUBY_WORDS |
  DOTNET_WORDS |
  LOOKUP_WORDS |
  SERIALIZED_WORDS;

/** Code of server platforms other than PHP, and objects in their serialised forms. */
export function detectCode(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if (value.length < 6) return undefined;
  if (
    (classes &
      (DOT |
        PAREN |
        COLON |
        DOLLAR |
        BRACKET |
        EQUAL |
        OTHER |
        LESS |
        BACKSLASH |
        CONTROL |
        BREAK |
        WIDE)) ===
    0
  )
    return undefined;
  if ((classes & DOT) !== 0) {
    const found =
      (literalGroups(value) & JAVA_PACKAGES) !== 0
        ? (sign(value, JAVA_CLASS, "java-class") ?? sign(value, JAVA_NAME, "java-class"))
        : undefined;
    if (found !== undefined && !isTrace(value, found)) return found;
  }
  if ((classes & (DOT | PAREN | EQUAL | COLON | BRACKET)) !== 0) {
    const found =
      ((literalGroups(value) & JAVA_WORDS) !== 0
        ? sign(value, JAVA_CALL, "java-call")
        : undefined) ??
      ((literalGroups(value) & NODE_WORDS) !== 0
        ? (sign(value, NODE, "node") ?? softNode(value))
        : undefined) ??
      ((literalGroups(value) & PYTHON_WORDS) !== 0 ? sign(value, PYTHON, "python") : undefined) ??
      ((literalGroups(value) & RUBY_WORDS) !== 0 ||
      ((classes & PERCENT) !== 0 && value.includes("%x")) ||
      value.includes("qx") ||
      (classes & (QUOTE | HASH | BRACE)) === (QUOTE | HASH | BRACE)
        ? sign(value, RUBY, "ruby")
        : undefined) ??
      ((literalGroups(value) & DOTNET_WORDS) !== 0 ? sign(value, DOTNET, "dotnet") : undefined);
    if (found !== undefined && !inProse(value, found)) return found;
    if (mayBeFormula(value, classes)) {
      const formula = sign(value, FORMULA, "formula");
      if (formula !== undefined) return formula;
    }
  }
  if ((classes & (COLON | DOLLAR | PERCENT)) !== 0) {
    const found =
      (classes & DOLLAR) !== 0 || mayHoldLookup(value, classes)
        ? sign(value, LOOKUP, "lookup")
        : undefined;
    if (found !== undefined) return found;
  }
  if (value.includes("proto")) {
    const found = sign(value, PROTOTYPE, "prototype");
    if (found !== undefined) return found;
  }
  if (
    ((classes & DOLLAR) !== 0 || (classes & OTHER) !== 0) &&
    (literalGroups(value) & NODE_WORDS) !== 0
  ) {
    const found = sign(value, NODE, "node");
    if (found !== undefined && !inProse(value, found)) return found;
  }
  if ((classes & LESS) !== 0) {
    const found = sign(value, EDGE_INCLUDE, "include-tag");
    if (found !== undefined) return found;
  }
  if ((classes & BACKSLASH) !== 0) {
    const found = sign(
      value.includes("\\begin{document}") ? value.replace(OWN_CHAPTER, "") : value,
      LATEX,
      "latex",
    );
    if (found !== undefined) return found;
  }
  return (literalGroups(value) & SERIALIZED_WORDS) !== 0 || (classes & WIDE) !== 0
    ? sign(value, SERIALIZED_JAVA, "serialized")
    : undefined;
}

// =… +… -… @… and, with an equals sign or behind a sign or a digit, …|…
function mayBeFormula(value: string, classes: number): boolean {
  const first = value.charCodeAt(0);
  if (first === 0x3d || first === 0x2b || first === 0x2d || first === 0x40) return true;
  return (classes & PIPE) !== 0 && ((classes & EQUAL) !== 0 || first < 0x41) && value.includes("|");
}

// Without a dollar sign: "jndi:", or the sign in another spelling.
function mayHoldLookup(value: string, classes: number): boolean {
  return (
    (literalGroups(value) & LOOKUP_WORDS) !== 0 ||
    ((classes & PIPE) !== 0 && value.includes("&#")) ||
    ((classes & (BACKSLASH | PERCENT)) !== 0 && value.includes("24"))
  );
}

function softNode(value: string): Finding | undefined {
  return value.length > 160 || /\n.|\b(?:const|let|var|import)\s|=>/.test(value)
    ? undefined
    : sign(value, NODE_SOFT, "node");
}

// A stack trace in a report: "at java.io.FileInputStream.open(FileInputStream.java:195)"
function isTrace(value: string, found: Finding): boolean {
  return (
    /\bat\s{1,4}(?:[\w.$-]{1,40}\/)?$/.test(
      value.slice(Math.max(0, found.start - 48), found.start + 1),
    ) ||
    /(?:Exception|Error)\b/.test(value.slice(found.start, found.end + 40)) ||
    /\bimport\s{1,4}$/.test(value.slice(Math.max(0, found.start - 10), found.start + 1))
  );
}

function nameStart(value: string, from: number): number {
  let at = from;
  while (at < from + 4 && !isWordCode(value.charCodeAt(at))) at++;
  return at;
}

// A line of source below where it stands: File "/app/main.py", line 10, in main
function isTraced(value: string, at: number): boolean {
  const start = value.lastIndexOf("\n", at);
  if (start < 0) return false;
  const above = value.slice(Math.max(0, start - 300), start);
  return /^\s{0,8}File "[^"\n]{1,200}", line \d{1,6}\b/.test(
    above.slice(above.lastIndexOf("\n") + 1),
  );
}

function inProse(value: string, found: Finding): boolean {
  if (isTraced(value, found.start)) return true;
  const open = value.indexOf("(", found.start);
  if (open >= 0 && open <= found.end && isNamedCall(value, nameStart(value, found.start), open))
    return true;
  const text = value.slice(found.start, found.end);
  // "instead of the global [`a1b2c3`](https://…": a name, and a link behind it
  if (/\s\[`$/.test(text) && isMarkdownLink(value, found.end)) return true;
  // "extensions that require [jQuery](https://…": a word, and a link behind it
  if (/\s\[$/.test(text) && /^[^\]\n]{1,80}\][([:]/.test(value.slice(found.end, found.end + 96)))
    return true;
  // "on failed spawn (Ada Lovelace)": a word, and a remark behind it
  if (
    /^\W?[a-z]{3,12}\s\([A-Z]?$/.test(text) &&
    /[a-z]\s$/.test(value.slice(Math.max(0, found.start - 2), found.start)) &&
    /^\w?[\w.' -]{2,60}\)(?:$|[\s.,;])/.test(value.slice(found.end, found.end + 64))
  )
    return true;
  const last = value.charCodeAt(found.end - 1);
  if (last === 0x28 || last === 0x3d || last === 0x5b || last === 0x22 || last === 0x27)
    return false;
  const before = value.slice(Math.max(0, found.start - 16), found.start);
  const after = value.slice(found.end, found.end + 12);
  // "process.env is undefined"
  if (found.start === 0 && /^\s(?:is|was|does|has|isn't|doesn't)\s[a-z]/.test(after)) return true;
  return (
    /[a-z,]\s["'`(]?$/i.test(before) && /^["'`)]?(?:[.,!?:]?\s{1,2}[a-z]|[.,!?:]?$)/i.test(after)
  );
}
