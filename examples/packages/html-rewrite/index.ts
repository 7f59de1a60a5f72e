/** HTML edited by element while it streams: attributes set, text put in, elements taken out. Nothing waits for the whole. */
import { Readable } from "node:stream";

import { RewritingStream } from "parse5-html-rewriting-stream";

import { definePlugin, type Context, type Plugin } from "@gatewright/sdk";

/** Of one element, by name in lower case. */
export type Attributes = Readonly<Record<string, string>>;

export interface RewriteRule {
  /** Name of the elements, lower case. */
  readonly element: string;
  /** Only those of which this is true. */
  readonly where?: (attributes: Attributes) => boolean;
  /** Attributes to set; `null` removes one; a function gets the present value. */
  readonly set?: Readonly<
    Record<string, string | null | ((value: string | undefined, ctx: Context) => string | null)>
  >;
  /** HTML, as it is: escape what comes from elsewhere. Before and after the element, and inside at its begin and end. */
  readonly before?: string;
  readonly prepend?: string;
  /** Needs an end tag that is written out. */
  readonly append?: string;
  /** Needs an end tag that is written out, except on void elements. */
  readonly after?: string;
  /** The element with all that is in it. Needs an end tag that is written out, except on void elements. */
  readonly remove?: boolean;
}

export interface HtmlRewriteOptions {
  readonly rules: readonly RewriteRule[];
  /** Only paths that begin so. Default: all. */
  readonly paths?: readonly string[];
}

/** HTML Standard §13.1.2: they have no end tag. */
const VOID = new Set("area base br col embed hr img input link meta source track wbr".split(" "));

const htmlRewrite: (options: HtmlRewriteOptions) => Plugin = definePlugin(
  ({ rules, paths }: HtmlRewriteOptions) => {
    for (const { element } of rules) {
      if (!/^[a-z][a-z0-9-]*$/.test(element)) {
        throw new TypeError(
          `html-rewrite: ${JSON.stringify(element)} is no element; expected a name in lower case.`,
        );
      }
    }
    return {
      name: "gatewright-plugin-html-rewrite",
      transforms: true,

      onRequest(request, ctx) {
        ctx.state["htmlRewritePath"] = request.path;
      },

      onResponse(response, ctx) {
        const type = response.headers.get("content-type") ?? "";
        if (!/^text\/html\b/i.test(type) || response.source !== "upstream") return;
        const path = ctx.state["htmlRewritePath"] as string | undefined;
        if (paths?.some((start) => path?.startsWith(start)) === false) return;
        const charset = /;\s*charset="?([^\s;"]+)/i.exec(type)?.[1] ?? "utf-8";
        const decoder = toDecoder(charset);
        if (decoder === undefined) {
          ctx.log.warn({ charset }, "HTML in an unknown encoding is left as it is");
          return;
        }
        // What leaves is UTF-8, and the field goes before any <meta> (HTML Standard, encoding sniffing).
        response.headers.set("content-type", "text/html; charset=utf-8");
        response.transform(async function* (chunks) {
          const source = Readable.from(decoded(chunks, decoder));
          const rewriting = new Rewriting(rules, ctx).stream;
          source.on("error", (error) => rewriting.destroy(error));
          try {
            yield* source.pipe(rewriting) as AsyncIterable<string | Uint8Array>;
          } finally {
            source.destroy();
          }
        });
      },
    };
  },
);

export default htmlRewrite;

type StartTag = Parameters<RewritingStream["emitStartTag"]>[0];
type EndTag = Parameters<RewritingStream["emitEndTag"]>[0];

/** What is open and waits for its end tag, by element: an inner one of the same name has its own. */
interface Open {
  readonly append: string;
  readonly after: string;
  readonly removes: boolean;
}

class Rewriting {
  readonly stream = new RewritingStream();
  readonly #rules: readonly RewriteRule[];
  readonly #ctx: Context;
  readonly #elements: ReadonlySet<string>;
  readonly #open: { element: string; open: Open }[] = [];
  /** How many open elements are being removed. */
  #removing = 0;

  constructor(rules: readonly RewriteRule[], ctx: Context) {
    this.#rules = rules;
    this.#ctx = ctx;
    this.#elements = new Set(rules.map(({ element }) => element));
    this.stream.on("startTag", (tag, raw) => this.#start(tag, raw));
    this.stream.on("endTag", (tag, raw) => this.#end(tag, raw));
    this.stream.on("text", (_token, raw) => this.#raw(raw));
    this.stream.on("comment", (_token, raw) => this.#raw(raw));
    this.stream.on("doctype", (_token, raw) => this.#raw(raw));
  }

  #start(tag: StartTag, raw: string): void {
    const attributes = Object.fromEntries(tag.attrs.map(({ name, value }) => [name, value]));
    const rules = this.#elements.has(tag.tagName)
      ? this.#rules.filter(
          ({ element, where }) => element === tag.tagName && where?.(attributes) !== false,
        )
      : [];
    const isVoid = VOID.has(tag.tagName) || tag.selfClosing;
    const removes = rules.some(({ remove }) => remove === true);
    if (this.#removing === 0) this.#raw(text(rules, "before"));
    if (!removes && this.#removing === 0) {
      for (const rule of rules) this.#setAttributes(tag, rule);
      if (rules.some(({ set }) => set !== undefined)) this.stream.emitStartTag(tag);
      else this.#raw(raw);
      this.#raw(text(rules, "prepend"));
    }
    const after = text(rules, "after");
    if (isVoid) {
      this.#raw(after);
    } else if (this.#elements.has(tag.tagName)) {
      const open = { append: text(rules, "append"), after, removes };
      this.#open.push({ element: tag.tagName, open });
      if (removes) this.#removing += 1;
    }
  }

  #end(tag: EndTag, raw: string): void {
    const at = this.#open.findLastIndex(({ element }) => element === tag.tagName);
    // Those inside were never closed: they end here.
    const ended = at === -1 ? [] : this.#open.splice(at);
    const own = ended[0]?.open;
    for (const { open } of ended) if (open.removes) this.#removing -= 1;
    if (this.#removing > 0) return;
    if (own?.removes !== true) {
      this.#raw(own?.append ?? "");
      this.#raw(raw);
    }
    this.#raw(own?.after ?? "");
  }

  #setAttributes(tag: StartTag, { set = {} }: RewriteRule): void {
    for (const [name, value] of Object.entries(set)) {
      const present = tag.attrs.find((attribute) => attribute.name === name);
      const next = typeof value === "function" ? value(present?.value, this.#ctx) : value;
      if (next === null) tag.attrs = tag.attrs.filter((attribute) => attribute !== present);
      else if (present === undefined) tag.attrs.push({ name, value: next });
      else present.value = next;
    }
  }

  #raw(html: string): void {
    if (this.#removing === 0 && html !== "") this.stream.emitRaw(html);
  }
}

function text(
  rules: readonly RewriteRule[],
  place: "before" | "prepend" | "append" | "after",
): string {
  return rules.map((rule) => rule[place] ?? "").join("");
}

function toDecoder(charset: string): TextDecoder | undefined {
  try {
    return new TextDecoder(charset);
  } catch {
    return undefined;
  }
}

async function* decoded(
  chunks: AsyncIterable<Uint8Array>,
  decoder: TextDecoder,
): AsyncIterable<string> {
  for await (const chunk of chunks) {
    const html = decoder.decode(chunk, { stream: true });
    if (html !== "") yield html;
  }
  const rest = decoder.decode();
  if (rest !== "") yield rest;
}
