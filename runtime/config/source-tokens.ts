/** A token of TypeScript as far as finding keys needs it. */
export interface SourceToken {
  readonly kind: "word" | "text" | "sign";
  /** The word, the text without its quotes, or the sign (one character, or `...` or `=>`). */
  readonly text: string;
  /** Offset in the source. */
  readonly at: number;
}

const WORD = /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /(?:0[xXoObB])?[\d][\w.]*/y;
const LINE_COMMENT = /\/\/[^\n]*/y;
const BLOCK_COMMENT = /\/\*[^]*?\*\//y;
const QUOTED = /"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/y;
const REGEXP = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y;
/** Words after which a slash begins a regular expression. */
const BEFORE_REGEXP = new Set([
  "return",
  "typeof",
  "case",
  "in",
  "of",
  "delete",
  "void",
  "throw",
  "new",
  "await",
  "yield",
]);

const MAX_NESTED_TEMPLATES = 50;

/**
 * Splits TypeScript into words, texts and signs. Comments, regular expressions and templates are passed over. It is no
 * parser: what it cannot read ends the list, and whoever asked finds nothing.
 */
export function toSourceTokens(source: string): SourceToken[] {
  const tokens: SourceToken[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  while (at < source.length) {
    const character = source[at] ?? "";
    let text: string | undefined;
    if (/\s/.test(character)) at += 1;
    else if ((text = match(LINE_COMMENT) ?? match(BLOCK_COMMENT)) !== undefined) at += text.length;
    // A comment without an end: looking for that end again at each further one would take for ever.
    else if (source.startsWith("/*", at)) break;
    else if ((text = match(QUOTED)) !== undefined) {
      tokens.push({ kind: "text", text: text.slice(1, -1), at });
      at += text.length;
    } else if (character === "`") {
      const end = endOfTemplate(source, at, 0);
      if (end === undefined) break;
      tokens.push({ kind: "text", text: "`", at });
      at = end;
    } else if ((text = match(WORD) ?? match(NUMBER)) !== undefined) {
      tokens.push({ kind: "word", text, at });
      at += text.length;
    } else if (
      character === "/" &&
      mayBeRegExp(tokens.at(-1)) &&
      (text = match(REGEXP)) !== undefined
    ) {
      tokens.push({ kind: "text", text: "/", at });
      at += text.length;
    } else {
      text = source.startsWith("...", at) ? "..." : source.startsWith("=>", at) ? "=>" : character;
      tokens.push({ kind: "sign", text, at });
      at += text.length;
    }
  }
  return tokens;
}

function mayBeRegExp(before: SourceToken | undefined): boolean {
  if (before === undefined) return true;
  if (before.kind === "sign") return !/^[)\]}]$/.test(before.text);
  return before.kind === "word" && BEFORE_REGEXP.has(before.text);
}

/** Offset after the template that begins at `start`; `undefined` if it has no end, or too many others inside it. */
function endOfTemplate(source: string, start: number, depth: number): number | undefined {
  if (depth > MAX_NESTED_TEMPLATES) return undefined;
  for (let at = start + 1; at < source.length; at++) {
    const character = source[at];
    if (character === "\\") at += 1;
    else if (character === "`") return at + 1;
    else if (character === "$" && source[at + 1] === "{") {
      const end = endOfPlaceholder(source, at + 2, depth);
      if (end === undefined) return undefined;
      at = end;
    }
  }
  return undefined;
}

/** Offset of the `}` that ends a template's placeholder. */
function endOfPlaceholder(source: string, start: number, templates: number): number | undefined {
  let depth = 1;
  for (let at = start; at < source.length; at++) {
    const character = source[at];
    if (character === "`") {
      const end = endOfTemplate(source, at, templates + 1);
      if (end === undefined) return undefined;
      at = end - 1;
    } else if (character === '"' || character === "'") {
      QUOTED.lastIndex = at;
      const text = QUOTED.exec(source)?.[0];
      if (text !== undefined) at += text.length - 1;
    } else if (character === "{") depth += 1;
    else if (character === "}" && --depth === 0) return at;
  }
  return undefined;
}
