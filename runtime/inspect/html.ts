/**
 * HTML text that is safe by construction: what is put into a template is escaped unless it is HTML itself. Pages here
 * show config values, error messages and code frames, any of which may hold markup that an attacker chose.
 */
import { createHash } from "node:crypto";

import { escapeHtml } from "../http/problem.ts";

export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | string | number | undefined | readonly Part[];

/** ``html`<td>${value}</td>` ``: values are escaped, nested HTML and lists are not escaped twice. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] ?? "";
  for (const [index, part] of parts.entries()) text += render(part) + (strings[index + 1] ?? "");
  return new Html(text);
}

export interface PageOptions {
  readonly title: string;
  readonly body: Html;
  /** Loads the page again after so many seconds, without script. */
  readonly refreshSeconds?: number;
}

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { text-align: left; padding: .2rem 1.2rem .2rem 0; vertical-align: top; }
th { font-weight: 600; overflow-wrap: normal; } code, pre { font: 13px/1.5 ui-monospace, monospace; }
pre { padding: .8rem 1rem; overflow-x: auto; overflow-wrap: normal; border: 1px solid #8886; border-radius: 6px; background: #8881; }
.bad { color: light-dark(#b3261e, #ff8a80); } .good { color: light-dark(#146c43, #5fd39a); } .quiet { opacity: .7; }
button { font: inherit; padding: .2rem .8rem; }
`;

/** Outside the page's template: a formatter that moved a space within it would break the hash. */
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`);
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/** For pages made here: nothing loads, runs or is framed; the one style is named by its hash. */
export const PAGE_POLICY: string = [
  "default-src 'none'",
  `style-src 'sha256-${STYLE_HASH}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** A whole document without outside assets. Send it with {@link PAGE_POLICY}. */
export function renderPage(options: PageOptions): string {
  const refresh =
    options.refreshSeconds === undefined
      ? ""
      : html`<meta http-equiv="refresh" content="${options.refreshSeconds}" />`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${refresh}
        <title>${options.title}</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        ${options.body}
      </body>
    </html> `.text;
}

function render(part: Part): string {
  if (part instanceof Html) return part.text;
  if (part === undefined) return "";
  if (typeof part === "object") return part.map(render).join("");
  return escapeHtml(String(part));
}
