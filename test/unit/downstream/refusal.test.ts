import { describe, expect, it } from "vitest";

import { refusalBytes } from "../../../runtime/downstream/refusal.ts";
import { ERRORS } from "../../../runtime/errors.ts";

describe("refusalBytes", () => {
  it("is a whole response with its length, and the last of its connection", () => {
    const text = refusalBytes("PROXY_REQUEST_HOST", "GET").toString();
    const [head = "", content = ""] = text.split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(head).toContain(`\r\nContent-Length: ${Buffer.byteLength(content)}\r\n`);
    expect(head).toMatch(/\r\nConnection: close$/);
    expect(JSON.parse(content)).toMatchObject({
      status: 400,
      code: "PROXY_REQUEST_HOST",
      detail: ERRORS.PROXY_REQUEST_HOST.publicDetail,
    });
  });

  it("has no content for HEAD (RFC 9110 §9.3.2)", () => {
    expect(refusalBytes("PROXY_REQUEST_HOST", "HEAD").toString()).toMatch(/\r\n\r\n$/);
  });

  it("names the allowed methods with 405 only (RFC 9110 §15.5.6)", () => {
    expect(refusalBytes("PROXY_REQUEST_METHOD", "CONNECT").toString()).toMatch(/\r\nAllow: GET,/);
    expect(refusalBytes("PROXY_REQUEST_HOST", "GET").toString()).not.toContain("Allow");
  });
});
