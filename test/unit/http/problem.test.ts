import { describe, expect, it } from "vitest";

import { escapeHtml, problemContent } from "../../../runtime/http/problem.ts";

const problem = { status: 404, code: "PROXY_ROUTE_NOT_FOUND", detail: "Nothing here.", id: "abc" };

describe("problemContent", () => {
  it("is problem details for programs (RFC 9457 §3)", () => {
    const { contentType, bytes } = problemContent(problem, false);
    expect(contentType).toBe("application/problem+json");
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual({
      type: "about:blank",
      title: "Not Found",
      status: 404,
      detail: "Nothing here.",
      instance: "abc",
      code: "PROXY_ROUTE_NOT_FOUND",
    });
  });

  it("leaves the instance out where there is no id", () => {
    const { bytes } = problemContent({ ...problem, id: undefined }, false);
    expect(JSON.parse(new TextDecoder().decode(bytes))).not.toHaveProperty("instance");
  });

  it("is a page for people, with everything escaped", () => {
    const evil = `<script>alert("x")</script>&'`;
    const { contentType, bytes } = problemContent(
      { status: 502, code: evil, detail: evil, id: evil },
      true,
    );
    const text = new TextDecoder().decode(bytes);
    expect(contentType).toBe("text/html; charset=utf-8");
    expect(text).toContain("502 Bad Gateway");
    expect(text).not.toContain("<script");
    expect(text.split(escapeHtml(evil))).toHaveLength(4);
  });
});
