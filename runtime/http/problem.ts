/**
 * The content of error answers: problem details (RFC 9457) or a small page. Nothing internal goes in: callers pass the
 * public detail of the error table.
 */
import { reasonPhrase } from "./status.ts";

export interface Problem {
  readonly status: number;
  /** Code from the error table. */
  readonly code: string;
  /** One sentence for the client. */
  readonly detail: string;
  /** The request's id, by which the log finds the cause. */
  readonly id: string | undefined;
}

export interface ProblemContent {
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

export function problemContent(problem: Problem, html: boolean): ProblemContent {
  return html
    ? { contentType: "text/html; charset=utf-8", bytes: ENCODER.encode(page(problem)) }
    : { contentType: "application/problem+json", bytes: ENCODER.encode(json(problem)) };
}

/** RFC 9457 §4.2.1: with `about:blank` the status says all there is, and `title` is its phrase. */
function json({ status, code, detail, id }: Problem): string {
  return JSON.stringify({
    type: "about:blank",
    title: reasonPhrase(status),
    status,
    detail,
    ...(id === undefined ? {} : { instance: id }),
    code,
  });
}

function page({ status, code, detail, id }: Problem): string {
  const title = `${status} ${escapeHtml(reasonPhrase(status))}`;
  const request = id === undefined ? "" : ` &middot; request ${escapeHtml(id)}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-content: center; padding: 1.5rem; box-sizing: border-box; font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 36rem; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; }
p { margin: 0 0 1rem; }
small { opacity: .7; overflow-wrap: anywhere; }
</style>
<main>
<h1>${title}</h1>
<p>${escapeHtml(detail)}</p>
<small>${escapeHtml(code)}${request}</small>
</main>
</html>
`;
}

/** Text as HTML text or attribute value. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

const ENCODER = new TextEncoder();
