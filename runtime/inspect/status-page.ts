import { gateTables } from "./gate-tables.ts";
import { html, renderPage, type Html } from "./html.ts";
import type { ProxyStatus, ReloadProblem, StatusIssue, TargetStatus } from "./status.ts";

/** The admin listener's front page. */
export function renderStatusPage(status: ProxyStatus): string {
  return renderPage({
    title: `Gatewright: ${status.state}`,
    refreshSeconds: 5,
    body: html`
      <h1>
        Gatewright <span class="${status.state === "live" ? "good" : "bad"}">${status.state}</span>
      </h1>
      ${renderFacts(status)} ${renderProblem(status.lastReload?.problem)}
      ${
        status.restartToPickUp.length === 0
          ? ""
          : html`<p class="bad">Restart to pick up ${status.restartToPickUp.join(", ")}.</p>`
      }
      <form method="post" action="/api/reload"><button>Reload</button></form>
      <h2>Listeners</h2>
      ${renderTable(
        ["URL", "Connections"],
        status.listeners.map((listener) => [listener.url, listener.connections]),
      )}
      ${renderCertificates(status)} ${renderOnDemand(status)}
      <h2>Upstreams</h2>
      ${renderTable(
        ["Name", "Open", "Idle", "Active", "Queued"],
        status.upstreams.map((one) => [one.name, one.open, one.idle, one.active, one.queued]),
      )}
      <h2>Targets</h2>
      ${renderTable(
        [
          "Upstream",
          "Target",
          "State",
          "Open",
          "Idle",
          "Active",
          "Weight",
          "Head after",
          "Last error",
        ],
        status.upstreams.flatMap(({ name, targets }) =>
          targets.map((one) => renderTarget(name, one)),
        ),
      )}
      ${gateTables(status).map(
        ({ title, heads, rows }) =>
          html`<h2>${title}</h2>
            ${renderTable(heads, rows)}`,
      )}
      ${renderWaf(status)} ${renderHeld(status)} ${renderCache(status)}
      <h2>Replaced generations that still run</h2>
      ${renderTable(
        ["Generation", "Requests", "Background work"],
        status.retiring.map((one) => [one.number, one.leases, one.background]),
      )}
      <p class="quiet">The same as JSON: <a href="/api/status">/api/status</a></p>
    `,
  });
}

function renderHeld({ held }: ProxyStatus): Html | string {
  if (held === undefined) return "";
  const rows = [
    ["Requests, in memory", held.requestMemory],
    ["Requests, on disk", held.requestDisk],
    ["Responses that wait for their clients", held.responses],
  ] as const;
  return html`
    <h2>Contents</h2>
    ${renderTable(
      ["What", "Bytes", "At most"],
      rows.map(([name, { bytes, budget }]) => [name, bytes, budget]),
    )}
  `;
}

function renderWaf({ waf }: ProxyStatus): Html | string {
  if (waf === undefined) return "";
  return html`
    <h2>WAF</h2>
    <p>${waf.inspected} requests inspected, ${waf.flagged} flagged, ${waf.refused} refused</p>
    ${renderTable(
      ["Rule", "Matches"],
      waf.rules.map(({ rule, matches }) => [rule, matches]),
    )}
  `;
}

function renderCache({ cache }: ProxyStatus): Html | string {
  if (cache === undefined) return "";
  const percent = (ratio: number | undefined): string =>
    ratio === undefined ? "" : `${(ratio * 100).toFixed(1)} %`;
  const rows = cache.routes.map(({ route, entries, bytes, requests, hitRatio }) => {
    const { hit, stale, revalidated, joined, miss, bypass } = requests;
    const counts = [hit, stale, revalidated, joined, miss, bypass];
    return [route, entries, bytes, percent(hitRatio), ...counts];
  });
  return html`
    <h2>Cache</h2>
    <p>
      ${cache.entries} stored, ${cache.bytes} of ${cache.maxBytes} bytes, hit ratio
      ${percent(cache.hitRatio)}
    </p>
    ${renderTable(
      [
        "Route",
        "Stored",
        "Bytes",
        "Hit ratio",
        "Hits",
        "Stale",
        "Revalidated",
        "Joined",
        "Missed",
        "Bypassed",
      ],
      rows,
    )}
  `;
}

function renderCertificates({ listeners }: ProxyStatus): Html | string {
  const rows = listeners.flatMap(({ url, certificates }) =>
    certificates.map((one) => [
      url,
      one.names.join(", "),
      one.from,
      one.expires,
      Math.floor(one.secondsLeft / 86_400),
    ]),
  );
  if (rows.length === 0) return "";
  return html`
    <h2>Certificates</h2>
    ${renderTable(["Listener", "Names", "From", "Expires", "Days left"], rows)}
  `;
}

function renderOnDemand({ listeners }: ProxyStatus): Html | string {
  const sources = listeners.flatMap(({ url, onDemand }) =>
    onDemand.map((one) => ({ url, ...one })),
  );
  if (sources.length === 0) return "";
  const failures = sources.flatMap(({ url, failures: all }) =>
    all.map((one) => [url, one.name, one.reason, one.triedAgain]),
  );
  return html`
    <h2>Certificates by name</h2>
    ${renderTable(
      ["Listener", "From", "Names", "Certificates", "Waiting", "Refused", "Failed"],
      sources.map((one) => [
        one.url,
        one.from,
        one.names,
        one.certificates,
        one.waiting,
        one.refused,
        one.failed,
      ]),
    )}
    ${failures.length === 0 ? "" : renderTable(["Listener", "Name", "Why", "Tried again"], failures)}
  `;
}

/** Issues of a broken config, with their code frames. */
export function renderIssues(issues: readonly StatusIssue[]): Html {
  return html`${issues.map(
    (issue) => html`
      <h2 class="bad">${issue.message}</h2>
      ${renderTable(
        [],
        [
          ["Option", issue.path],
          ["Expected", issue.expected],
          ["Got", issue.got],
          ["What to do", issue.fix],
          ["Place", renderPlace(issue)],
        ].filter((row) => row[1] !== undefined && row[1] !== ""),
      )}
      ${issue.frame === undefined ? "" : html`<pre>${issue.frame}</pre>`}
    `,
  )}`;
}

function renderTarget(upstream: string, one: TargetStatus): Cell[] {
  const error = one.lastError;
  return [
    upstream,
    one.key,
    one.draining ? `${one.state}, leaving` : one.state,
    one.open,
    one.idle,
    one.active,
    one.weight,
    one.latencyMs === 0 ? "" : `${one.latencyMs} ms`,
    error === undefined ? "" : `${new Date(error.at).toISOString()} ${error.message}`,
  ];
}

function renderFacts(status: ProxyStatus): Html {
  const { generation, lastReload, traffic } = status;
  return renderTable(
    [],
    [
      ["Generation", generation === undefined ? "none" : generation.number],
      ["Live since", generation?.since ?? "never"],
      ["Config", status.configFile],
      ["Last load", lastReload === undefined ? "none" : `${lastReload.outcome}, ${lastReload.at}`],
      ["Requests", traffic.requests],
      ["Streams and tunnels", traffic.streams + traffic.tunnels],
      ["Up since", status.startedAt],
      ["Version", status.version],
    ],
  );
}

function renderProblem(problem: ReloadProblem | undefined): Html | string {
  if (problem === undefined) return "";
  return html`<p class="bad">
      The config has an error (${problem.stage}). The last good generation, if any, goes on.
    </p>
    ${renderIssues(problem.issues)}`;
}

function renderPlace({ place }: StatusIssue): string | undefined {
  return place === undefined ? undefined : `${place.file}:${place.line}:${place.column}`;
}

type Cell = string | number | undefined;

function renderTable(heads: readonly string[], rows: readonly (readonly Cell[])[]): Html {
  if (rows.length === 0) return html`<p class="quiet">None.</p>`;
  const head =
    heads.length === 0
      ? ""
      : html`<tr>
          ${heads.map((name) => html`<th>${name}</th>`)}
        </tr>`;
  const body = rows.map(
    (row) =>
      html`<tr>
        ${row.map((cell, at) =>
          heads.length === 0 && at === 0 ? html`<th>${cell}</th>` : html`<td>${cell}</td>`,
        )}
      </tr>`,
  );
  return html`<table>
    ${head}${body}
  </table>`;
}
