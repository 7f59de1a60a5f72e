import type { ConfigReport } from "../config/load.ts";
import type { Exchange, ExchangeReceiver } from "../downstream/exchange.ts";
import { ERRORS } from "../errors.ts";
import { prefersHtml } from "../http/accept.ts";
import { problemContent } from "../http/problem.ts";
import { fieldValue } from "../http/raw-fields.ts";
import { reasonPhrase } from "../http/status.ts";
import { html, PAGE_POLICY, renderPage } from "../inspect/html.ts";
import { renderIssues } from "../inspect/status-page.ts";
import type { BrokenContent } from "./messages.ts";

/** What `dev` shows until the config is mended. It holds source lines, so `start` never makes one. */
export function createBrokenContent(report: ConfigReport): BrokenContent {
  const { status, publicDetail } = ERRORS.PROXY_CONFIG_BROKEN;
  return {
    html: renderPage({
      title: "The config has an error",
      refreshSeconds: 1,
      body: html`<h1>The config has an error</h1>
        <p>${report.file}</p>
        ${renderIssues(report.issues)}
        <p class="quiet">Save a good version and this page goes on by itself.</p>`,
    }),
    policy: PAGE_POLICY,
    json: `${JSON.stringify(
      {
        type: "about:blank",
        title: reasonPhrase(status),
        status,
        detail: publicDetail,
        code: "PROXY_CONFIG_BROKEN",
        file: report.file,
        issues: report.issues,
      },
      null,
      2,
    )}\n`,
  };
}

/** Answers one request with that page, or as problem details where no HTML is asked for. */
export function serveBroken(exchange: Exchange, content: BrokenContent): void {
  const wantsHtml = prefersHtml(fieldValue(exchange.fields, "accept"));
  const contentType = wantsHtml ? "text/html; charset=utf-8" : "application/problem+json";
  const bytes = Buffer.from(wantsHtml ? content.html : content.json);
  const extra = wantsHtml ? ["Content-Security-Policy", content.policy] : [];
  send(exchange, ERRORS.PROXY_CONFIG_BROKEN.status, contentType, bytes, extra);
}

/** Answers one request that no generation will serve, and lets the connection go. */
export function serveNothing(exchange: Exchange): void {
  const code = "PROXY_SHUTTING_DOWN";
  const { status, publicDetail } = ERRORS[code];
  const problem = { status, code, detail: publicDetail, id: undefined };
  const { contentType, bytes } = problemContent(problem, false);
  exchange.closeAfter();
  send(exchange, status, contentType, bytes, []);
}

const NO_RECEIVER: ExchangeReceiver = { onDrain() {}, onClose() {} };

function send(
  exchange: Exchange,
  status: number,
  contentType: string,
  content: Uint8Array,
  extra: readonly string[],
): void {
  exchange.receiver = NO_RECEIVER;
  exchange.writeHead(status, [
    ...["Content-Type", contentType],
    ...["Content-Length", String(content.length)],
    ...["Cache-Control", "no-store"],
    ...["X-Content-Type-Options", "nosniff"],
    ...["Retry-After", "1"],
    ...extra,
  ]);
  exchange.write(content);
  exchange.end();
}
