import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readXml } from "../../../../../runtime/primitives/waf/parse/xml.ts";
import { RecordingSink } from "../../../../helpers/recording-sink.ts";
import { scaled } from "../../../../helpers/scale.ts";

function read(text: string, sink = new RecordingSink()): RecordingSink & { isXml: boolean } {
  return Object.assign(sink, { isXml: readXml(text, sink) });
}

describe("XML", () => {
  it("gives texts and attributes, references decoded, and CDATA as it is", () => {
    const text = `<?xml version="1.0"?><a x="1 &lt; 2" y='"'><b>t&#39;s</b><![CDATA[<i>&lt;]]><!-- no --></a>`;
    expect(read(text).found).toEqual([
      "XML_ATTRIBUTES:x=1 < 2",
      'XML_ATTRIBUTES:y="',
      "XML=t's",
      "XML=<i>&lt;",
    ]);
  });

  it("gives attributes with blanks, without a closing quote, and with an equals sign inside", () => {
    expect(read(`<a x = "1" y="a=b" z='>`).found).toEqual([
      "XML_ATTRIBUTES:x=1",
      "XML_ATTRIBUTES:y=a=b",
    ]);
    expect(read(`<a z="' OR 1=1>`).found).toEqual(["XML_ATTRIBUTES:z=' OR 1=1"]);
  });

  it("gives what asks for another document as it is written", () => {
    const text = `<?xml-stylesheet href="a"?><k><x:include href="b"/><includes c="d"/></k>`;
    expect(read(text).found).toEqual([
      `XML=<?xml-stylesheet href="a"?>`,
      `XML=<x:include href="b"/>`,
      "XML_ATTRIBUTES:href=b",
      "XML_ATTRIBUTES:c=d",
    ]);
  });

  it("says that there is a document type, and never expands an entity", () => {
    const text = `<!DOCTYPE a [<!ENTITY e SYSTEM "file:///x">]><a>&e;</a>`;
    const { anomalies, found } = read(text);
    expect(anomalies).toContain("xml-doctype");
    expect(found).toContain("XML=&e;");
  });

  it.each(["<a", "<!-- ", "<![CDATA[ x", "<? x"])("ends where markup has no end: %s", (text) => {
    const sink = read(text);
    expect(sink.isXml).toBe(false);
    expect(sink.anomalies).toContain("xml-invalid");
  });

  it("ends at a depth", () => {
    expect(read("<a>".repeat(16)).isXml).toBe(true);
    expect(read("<a>".repeat(17)).anomalies).toEqual(["xml-invalid"]);
    expect(read("<a/>".repeat(50)).isXml).toBe(true);
  });

  it("never throws, and ends when no more values are wanted", () => {
    const pieces = fc.constantFrom(
      ..."<>/=\"'&;![]-?a x\n\0".split(""),
      "<![CDATA[",
      "]]>",
      "<!--",
      '="',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 80 }), (parts) => {
        const sink = read(parts.join(""), new RecordingSink({ maxValues: 5 }));
        expect(sink.found.length).toBeLessThanOrEqual(6);
      }),
      { numRuns: scaled(300, 10_000) },
    );
  });
});
