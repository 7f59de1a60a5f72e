import type { ChallengePresentation } from "@gatewright/sdk";

import { escapeHtml } from "../../http/problem.ts";
import { LANGUAGES, type Language } from "./languages.ts";

export interface ChallengePage {
  readonly language: Language;
  /** Where assets and the verify address are. */
  readonly path: string;
  readonly presentation: ChallengePresentation;
  /** Form fields that come back with the solution. */
  readonly policy: string;
  readonly ticket: string;
  /** Absent: there is no way around the solution. */
  readonly wait: { readonly seconds: number; readonly url: string } | undefined;
  /** False: whoever has come back several times has to say that they want to go on. */
  readonly isAutomatic: boolean;
}

/** The page that a browser solves. No script and no style is within it, so that its policy can forbid those. */
export function challengePage(page: ChallengePage): string {
  const texts = LANGUAGES[page.language];
  const { path, wait, presentation, isAutomatic } = page;
  const waiting =
    wait === undefined
      ? ""
      : ` data-wait="${wait.seconds}" data-wait-url="${escapeHtml(wait.url)}"`;
  const refresh =
    wait === undefined || !isAutomatic
      ? ""
      : `<noscript><meta http-equiv="refresh" content="${wait.seconds};url=${escapeHtml(wait.url)}"></noscript>\n`;
  const withoutScript =
    wait === undefined
      ? ""
      : `<noscript><p>${escapeHtml(texts.noScript)}</p><p><a href="${escapeHtml(wait.url)}">${escapeHtml(texts.goOn)}</a></p></noscript>\n`;
  return documentOf(
    page.language,
    path,
    `${refresh}<script type="module" src="${path}page.js"></script>
${(presentation.scripts ?? []).map((url) => `<script async src="${escapeHtml(url)}"></script>\n`).join("")}`,
    `<p>${escapeHtml(texts.intro)}</p>
<form method="post" action="${path}verify" data-automatic="${isAutomatic}"${waiting} data-done="${escapeHtml(texts.done)}" data-failed="${escapeHtml(texts.failed)}" data-working="${escapeHtml(texts.working)}">
<input type="hidden" name="policy" value="${escapeHtml(page.policy)}">
<input type="hidden" name="token" value="${escapeHtml(page.ticket)}">
${presentation.html}
</form>
<p id="status" role="status" aria-live="polite"></p>
${withoutScript}`,
  );
}

/** What ends in a link: nothing here happens by itself, so nothing can go round. */
export function noticePage(
  language: Language,
  path: string,
  text: string,
  link: { readonly href: string; readonly text: string; readonly newTab?: boolean },
): string {
  const target = link.newTab === true ? ' target="_blank"' : "";
  return documentOf(
    language,
    path,
    "",
    `<p>${escapeHtml(text)}</p>
<p><a href="${escapeHtml(link.href)}"${target}>${escapeHtml(link.text)}</a></p>
`,
  );
}

function documentOf(language: Language, path: string, head: string, body: string): string {
  const { title } = LANGUAGES[language];
  return `<!doctype html>
<html lang="${language}" dir="${language === "ar" ? "rtl" : "ltr"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<link rel="stylesheet" href="${path}altcha.css">
<link rel="stylesheet" href="${path}page.css">
${head}</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${body}</main>
</body>
</html>
`;
}

/**
 * Everything from here, nothing inline. There is no `form-action`: browsers hold it against every redirect that follows,
 * and where the client's page leads on to is not ours to say.
 */
export function contentSecurityPolicy(sources: readonly string[]): string {
  const others = sources.filter((source) => /^https?:\/\/[\w*.:/-]+$/.test(source));
  const all = ["'self'", ...others].join(" ");
  return [
    "default-src 'none'",
    `script-src ${all}`,
    "worker-src 'self'",
    `style-src ${all}`,
    `img-src ${all} data:`,
    `connect-src ${all}`,
    `frame-src ${others.length === 0 ? "'none'" : others.join(" ")}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
