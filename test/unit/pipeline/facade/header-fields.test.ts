import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isProxyError } from "../../../../runtime/errors.ts";
import { HeaderFieldsFacade } from "../../../../runtime/pipeline/facade/header-fields.ts";
import { FakeRequest } from "./states.ts";

function make(fields: string[]): { request: FakeRequest; headers: HeaderFieldsFacade } {
  const request = new FakeRequest(fields);
  return { request, headers: new HeaderFieldsFacade(request, request) };
}

function thrown(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("HeaderFieldsFacade", () => {
  it("reads names in any case and joins several lines (RFC 9110 §5.3)", () => {
    const { headers } = make(["Accept", "a", "X", "1", "ACCEPT", "b"]);
    expect(headers.get("accept")).toBe("a, b");
    expect(headers.getAll("Accept")).toEqual(["a", "b"]);
    expect(headers.has("aCCept")).toBe(true);
    expect(headers.get("none")).toBeNull();
    expect(headers.getAll("none")).toEqual([]);
    expect(headers.has("none")).toBe(false);
  });

  it("joins Cookie with semicolons (RFC 9113 §8.2.3) and never joins Set-Cookie", () => {
    const { headers } = make([
      "cookie",
      "a=1",
      "cookie",
      "b=2",
      "Set-Cookie",
      "x=1",
      "set-cookie",
      "y=2",
    ]);
    expect(headers.get("Cookie")).toBe("a=1; b=2");
    expect(headers.getSetCookie()).toEqual(["x=1", "y=2"]);
  });

  it("never copies the list for reading", () => {
    const { request, headers } = make(["A", "1"]);
    headers.get("a");
    headers.getAll("a");
    headers.has("a");
    expect([...headers]).toEqual([["A", "1"]]);
    headers.toWeb();
    headers.delete("absent");
    expect(request.copies).toBe(0);
  });

  it("copies it once for writing and leaves the received list as it was", () => {
    const { request, headers } = make(["A", "1", "B", "2"]);
    const received = request.fields;
    headers.set("a", "x");
    headers.append("c", "3");
    headers.delete("B");
    expect(request.copies).toBe(1);
    expect(request.fields).toEqual(["a", "x", "c", "3"]);
    expect(received).toEqual(["A", "1", "B", "2"]);
  });

  it("sets at the first line's place and removes the others", () => {
    const { request, headers } = make(["A", "1", "B", "2", "a", "3", "C", "4"]);
    headers.set("A", 5);
    expect(request.fields).toEqual(["A", "5", "B", "2", "C", "4"]);
    headers.set("New", "6");
    expect(request.fields.slice(-2)).toEqual(["New", "6"]);
  });

  it("cuts the whitespace around a value (RFC 9110 §5.5)", () => {
    const { headers } = make([]);
    headers.set("a", " \tx y\t ");
    expect(headers.get("a")).toBe("x y");
  });

  it("takes bytes 0x80 to 0xFF and numbers", () => {
    const { headers } = make([]);
    headers.set("a", "caf\u00e9");
    headers.set("b", 42);
    expect(headers.get("a")).toBe("caf\u00e9");
    expect(headers.get("b")).toBe("42");
  });

  // PUB-44: a hook's bad value is an error that names the field, never a second field.
  it.each([
    ["x", "日本", "no byte"],
    ["x", "a\r\nSet-Cookie: h=1", "control character"],
    ["x", "a\nb", "control character"],
    ["x", "a\0b", "control character"],
    ["x", "a\u007fb", "control character"],
    ["x", undefined, "undefined"],
    ["x", null, "null"],
    ["x", {}, "object"],
    ["x", Number.NaN, "number"],
    ["bad name", "1", "bad name"],
    ["", "1", "not a valid field name"],
    ["x:", "1", "x:"],
    ["x\r\n", "1", "not a valid field name"],
    ["ä", "1", "not a valid field name"],
    [undefined, "1", "undefined"],
  ])("refuses %j: %j with a TypeError that says why", (name, value, words) => {
    for (const write of ["set", "append"] as const) {
      const { request, headers } = make(["A", "1"]);
      const error = thrown(() => headers[write](name as string, value as string));
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toContain(words);
      expect(isProxyError(error)).toBe(true);
      expect(error).toMatchObject({ code: "PROXY_HOOK_FIELD", status: 500, source: "hook" });
      expect(request.fields).toEqual(["A", "1"]);
    }
  });

  it.each([
    "Connection",
    "Content-Length",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Expect",
  ])("refuses to set %s, which the connection writes (RFC 9110 §7.6.1)", (name) => {
    const { headers } = make([]);
    expect(() => headers.set(name, "1")).toThrow(name);
    expect(() => headers.append(name, "1")).toThrow(TypeError);
    expect(() => headers.delete(name)).not.toThrow();
  });

  it("refuses to delete what is no name", () => {
    expect(() => make([]).headers.delete("bad name")).toThrow(TypeError);
  });

  it("tells the request of a new Host and keeps exactly one (RFC 9112 §3.2)", () => {
    const { request, headers } = make(["Host", "a.test"]);
    headers.set("host", "b.test:81");
    expect(request.newHost).toBe("b.test:81");
    expect(headers.getAll("host")).toEqual(["b.test:81"]);
    expect(() => headers.append("Host", "c.test")).toThrow(TypeError);
    expect(() => headers.delete("Host")).toThrow(TypeError);
    for (const bad of ["", "a b", "user@a.test", "a.test/x", "a.test, b.test", "a.test:x"]) {
      expect(() => headers.set("host", bad)).toThrow(TypeError);
    }
    expect(request.newHost).toBe("b.test:81");
  });

  it("iterates over a snapshot: deleting on the way skips nothing", () => {
    const { headers } = make(["A", "1", "B", "2", "C", "3"]);
    const seen: string[] = [];
    for (const [name] of headers) {
      seen.push(name);
      headers.delete(name);
    }
    expect(seen).toEqual(["A", "B", "C"]);
    expect([...headers.entries()]).toEqual([]);
  });

  it("makes Web Headers with the same fields", () => {
    const web = make([
      "A",
      "1",
      "Set-Cookie",
      "x=1",
      "Set-Cookie",
      "y=2",
      "L",
      "\u00e4",
    ]).headers.toWeb();
    expect(web.get("a")).toBe("1");
    expect(web.getSetCookie()).toEqual(["x=1", "y=2"]);
    expect(web.get("l")).toBe("\u00e4");
  });

  it("behaves like a list of pairs under any edits", () => {
    const name = fc.constantFrom("a", "A", "b", "B-c", "b-C");
    const value = fc.constantFrom("1", "2", "x, y");
    const edit = fc.oneof(
      fc.record({ op: fc.constant("set" as const), name, value }),
      fc.record({ op: fc.constant("append" as const), name, value }),
      fc.record({ op: fc.constant("delete" as const), name, value }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), fc.array(edit), (start, edits) => {
        const { headers } = make(start.flat());
        let model = start.map(([n, v]) => [n, v] as [string, string]);
        const is = (n: string, m: string): boolean => n.toLowerCase() === m.toLowerCase();
        for (const { op, name: n, value: v } of edits) {
          headers[op](n, v);
          if (op === "append") model.push([n, v]);
          else if (op === "delete") model = model.filter(([m]) => !is(m, n));
          else {
            const at = model.findIndex(([m]) => is(m, n));
            if (at === -1) model.push([n, v]);
            else
              model = model.flatMap((p, i) =>
                i === at ? [[n, v] as [string, string]] : is(p[0], n) ? [] : [p],
              );
          }
        }
        expect([...headers]).toEqual(model);
      }),
    );
  });
});
