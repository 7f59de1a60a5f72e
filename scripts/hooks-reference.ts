/**
 * Writes docs/reference.md from the doc comments of the SDK: `npm run docs`. A test compares what is checked in with
 * what this makes, so the page cannot fall behind the types.
 *
 * The types are read with a parser and printed as they are written: no type checker is needed for declarations that
 * say all there is to say.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { parseSync, type Comment, type Program } from "oxc-parser";

const ROOT = new URL("../", import.meta.url);
const PAGE = new URL("docs/reference.md", ROOT);

/** What a hook meets, in the order of the page. Options of the config are in docs/configuration.md. */
const SECTIONS: readonly {
  readonly title: string;
  readonly text: string;
  readonly types: readonly string[];
}[] = [
  { title: "All hooks", text: "The functions that your code may have.", types: ["Hooks"] },
  {
    title: "The request",
    text: "First argument of `onRequest` and `onUpgrade`.",
    types: ["ProxyRequest"],
  },
  {
    title: "The response",
    text: "First argument of `onUpstreamResponse` and `onResponse`.",
    types: ["ProxyResponse", "TransformFunction"],
  },
  {
    title: "Fields",
    text: "`request.headers` and `response.headers`.",
    types: ["HeaderFields", "HeadersInput", "BodyInput"],
  },
  { title: "The context", text: "Second argument of every hook.", types: ["Context"] },
  {
    title: "What the context holds",
    text: "The types of its members.",
    types: [
      "ClientInfo",
      "ClientCertificate",
      "HookLog",
      "Score",
      "ScoreEntry",
      "RequestState",
      "SubrequestInit",
      "UpstreamView",
      "TargetView",
      "LimitOutcome",
      "IpListView",
      "CacheView",
      "PurgeSelection",
      "ResponseCompression",
      "WafView",
      "WafMatch",
      "LoadView",
    ],
  },
  {
    title: "Decisions",
    text: "What hooks return.",
    types: [
      "RequestDecision",
      "ResponseDecision",
      "ErrorDecision",
      "ForwardDecision",
      "ForwardOptions",
      "RespondDecision",
      "ChallengeDecision",
      "BlockDecision",
      "DropDecision",
    ],
  },
  {
    title: "Errors and records",
    text: "What `onError` and `onComplete` get.",
    types: ["ProxyErrorView", "AccessRecord"],
  },
  {
    title: "Plugins",
    text: "Hooks with a name, usually from a package.",
    types: ["Plugin", "PluginEnv", "definePlugin"],
  },
  {
    title: "Units",
    text: "Texts and numbers that stand for times and sizes.",
    types: ["Duration", "Size", "MaybePromise"],
  },
];

const FILES = [
  "hooks",
  "request",
  "response",
  "headers",
  "context",
  "decisions",
  "plugin",
  "units",
  "load",
  "cache-config",
  "compression-config",
  "ip-list-config",
  "rate-limit-config",
  "waf-config",
];

interface Member {
  readonly name: string;
  /** As declared, without `readonly`; overloads below each other. */
  readonly declarations: string[];
  readonly comment: string;
}

interface Declaration {
  readonly name: string;
  readonly comment: string;
  /** The head of an interface, the whole of a type alias, the signature of a function. */
  readonly code: string;
  readonly members: readonly Member[];
}

/** The whole page. */
export function hooksReference(): string {
  const all = new Map(
    FILES.flatMap((file) => declarationsOf(`sdk/${file}.ts`)).map((one) => [one.name, one]),
  );
  const lines = [
    "# Hooks reference",
    "",
    "Every type that a hook meets, made from the doc comments in `sdk/` by `npm run docs`: do not edit. How to use them: [hooks](hooks.md). The options of the config: [configuration](configuration.md).",
    "",
    ...SECTIONS.map(
      ({ title, types }) =>
        `- [${title}](#${anchorOf(title)}): ${types.map((type) => `[${type}](#${anchorOf(type)})`).join(", ")}`,
    ),
  ];
  for (const { title, text, types } of SECTIONS) {
    lines.push("", `## ${title}`, "", text);
    for (const type of types) {
      const declaration = all.get(type);
      if (declaration === undefined) throw new Error(`no exported ${type} in ${FILES.join(", ")}`);
      lines.push("", ...linesOf(declaration));
    }
  }
  return `${lines.join("\n")}\n`;
}

function linesOf({ name, comment, code, members }: Declaration): string[] {
  const { text, example } = partsOf(comment);
  const lines = [`### ${name}`, "", text];
  if (members.length === 0) lines.push("", "```ts reference", code, "```");
  else {
    if (code.includes(" extends ")) lines.push("", `\`${code}\``);
    lines.push("", "| Member | What it is |", "| --- | --- |");
    for (const { declarations, comment: about } of members) {
      const shown = declarations.map((one) => `\`${one.replaceAll("|", "\\|")}\``).join("<br>");
      lines.push(`| ${shown} | ${cellOf(about)} |`);
    }
  }
  if (example !== undefined) lines.push("", "For example:", "", "```ts reference", example, "```");
  return lines;
}

/** The text of a comment in paragraphs, and its example without the fence. */
function partsOf(comment: string): { text: string; example: string | undefined } {
  const [before = "", after] = comment.split(/^@example\n/m);
  const example = /^```\w*\n([\s\S]*?)\n```/m.exec(after ?? "")?.[1];
  const paragraphs = before
    .trim()
    .split(/\n\s*\n/)
    .map(onOneLine);
  return { text: paragraphs.join("\n\n"), example };
}

function cellOf(comment: string): string {
  return onOneLine(comment).replaceAll("|", "\\|");
}

function onOneLine(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/\{@link ([\w.]+)\}/g, "`$1`")
    .trim();
}

/** Exported declarations of a file with their comments. */
function declarationsOf(file: string): Declaration[] {
  const text = readFileSync(new URL(file, ROOT), "utf8");
  const { program, comments, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  return (program as Program).body.flatMap((statement) => {
    if (statement.type !== "ExportNamedDeclaration" || statement.declaration === null) return [];
    const { declaration } = statement;
    const comment = commentBefore(statement.start, text, comments);
    switch (declaration.type) {
      case "TSInterfaceDeclaration": {
        const head = text.slice(declaration.start, declaration.body.start).trim();
        return [
          {
            name: declaration.id.name,
            comment,
            code: head,
            members: membersOf(declaration.body.body, text, comments),
          },
        ];
      }
      case "TSTypeAliasDeclaration":
        return [
          {
            name: declaration.id.name,
            comment,
            code: text.slice(declaration.start, declaration.end),
            members: [],
          },
        ];
      case "TSDeclareFunction":
      case "FunctionDeclaration": {
        const end = declaration.body?.start ?? declaration.end;
        const code = `declare ${text.slice(declaration.start, end).trim()};`;
        return [{ name: declaration.id?.name ?? "", comment, code, members: [] }];
      }
      default:
        return [];
    }
  });
}

function membersOf(
  nodes: readonly { start: number; end: number }[],
  text: string,
  comments: readonly Comment[],
): Member[] {
  const members: Member[] = [];
  for (const { start, end } of nodes) {
    const declared = text
      .slice(start, end)
      .replaceAll(/\/\*\*[\s\S]*?\*\//g, "")
      .replaceAll(/\s+/g, " ");
    // Reserved names throw whatever is done with them: nothing to look up.
    if (/: never;?$/.test(declared)) continue;
    const shown = declared
      .replace(/;$/, "")
      .replaceAll(/\( /g, "(")
      .replaceAll(/,? \)/g, ")")
      .replaceAll(": | ", ": ");
    const name = /^(?:readonly )?(\[?[\w.]+\]?)/.exec(shown)?.[1] ?? shown;
    const comment = commentBefore(start, text, comments);
    const last = members.at(-1);
    if (last?.name === name && comment === "") last.declarations.push(shown);
    else members.push({ name, declarations: [shown], comment });
  }
  return members;
}

/** The doc comment that ends where this begins, without its stars. */
function commentBefore(start: number, text: string, comments: readonly Comment[]): string {
  const found = comments.findLast((comment) => comment.end <= start);
  if (
    found === undefined ||
    !found.value.startsWith("*") ||
    text.slice(found.end, start).trim() !== ""
  )
    return "";
  return found.value
    .slice(1)
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""))
    .join("\n")
    .trim();
}

function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(" ", "-");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, hooksReference());
