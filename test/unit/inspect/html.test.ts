import { createHash } from "node:crypto";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { html, PAGE_POLICY, renderPage } from "../../../runtime/inspect/html.ts";
import { renderStatusPage } from "../../../runtime/inspect/status-page.ts";

describe("html", () => {
  it("escapes values, keeps nested HTML, joins lists and leaves undefined out", () => {
    const items = ["<a>", "b & c"].map((text) => html`<i title="${text}">${text}</i>`);
    expect(html`<p>${items}${undefined}${7}</p>`.text).toBe(
      '<p><i title="&#60;a&#62;">&#60;a&#62;</i><i title="b &#38; c">b &#38; c</i>7</p>',
    );
  });

  it("never lets a value open or close a tag or an attribute", () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const { text } = html`${value}`;
        expect(text).not.toMatch(/[<>"']/);
      }),
    );
  });
});

describe("renderPage", () => {
  it("has one style, and its policy names exactly that", () => {
    const page = renderPage({ title: "t", body: html`<p></p>` });
    const styles = [...page.matchAll(/<style>([\s\S]*?)<\/style>/g)];
    expect(styles).toHaveLength(1);
    const hash = createHash("sha256")
      .update(styles[0]?.[1] ?? "")
      .digest("base64");
    expect(PAGE_POLICY).toContain(`'sha256-${hash}'`);
    expect(PAGE_POLICY).toContain("default-src 'none'");
    expect(page).not.toMatch(/<script|style=|javascript:|src=/);
  });
});

describe("renderStatusPage", () => {
  it("escapes everything that comes from a config or its errors", () => {
    const evil = `</pre><script>alert("1")</script>`;
    const page = renderStatusPage({
      version: evil,
      mode: "dev",
      state: "live",
      startedAt: evil,
      uptimeMs: 1,
      configFile: evil,
      generation: { number: 1, digest: evil, since: evil },
      lastReload: {
        at: evil,
        outcome: "failed",
        durationMs: 1,
        problem: {
          stage: evil,
          issues: [
            {
              path: evil,
              message: evil,
              expected: evil,
              got: evil,
              fix: evil,
              place: { file: evil, line: 1, column: 1 },
              frame: evil,
            },
          ],
        },
      },
      restartToPickUp: [evil],
      listeners: [
        {
          url: evil,
          connections: 1,
          certificates: [{ names: [evil], from: evil, expires: evil, secondsLeft: 1 }],
          certificateCount: 1,
          onDemand: [
            {
              from: "acme",
              names: 1,
              certificates: 0,
              waiting: 0,
              refused: 0,
              failed: 1,
              failures: [{ name: evil, reason: evil, triedAgain: evil }],
            },
          ],
        },
      ],
      limits: [{ name: evil, keys: 1, maxKeys: 8, waiting: 0 }],
      lists: [
        {
          name: evil,
          kind: "block",
          mode: evil,
          source: "url",
          ranges: 1,
          added: 0,
          removed: 0,
          problem: evil,
        },
      ],
      upstreams: [
        {
          name: evil,
          open: 1,
          idle: 1,
          active: 1,
          queued: 1,
          stateChanges: {},
          targets: [
            {
              key: evil,
              state: evil,
              draining: true,
              open: 1,
              idle: 1,
              active: 1,
              weight: 1,
              priority: 0,
              latencyMs: 1,
              lastError: { message: evil, at: 0 },
            },
          ],
        },
      ],
      retiring: [{ number: 1, leases: 1, background: 1 }],
      traffic: { leases: 1, background: 1, requests: 1, streams: 1, tunnels: 1 },
    });
    expect(page).not.toContain("<script");
    expect(page.match(/&#60;script&#62;/g)?.length).toBeGreaterThan(12);
    for (const title of ["Rate limits", "IP lists"]) expect(page).toContain(`<h2>${title}</h2>`);
  });
});
