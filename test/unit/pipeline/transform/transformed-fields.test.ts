import { describe, expect, it } from "vitest";

import { transformedFields } from "../../../../runtime/pipeline/transform/transformed-fields.ts";

function transformed(fields: string[]): string[] {
  transformedFields(fields);
  return fields;
}

describe("transformedFields", () => {
  it("removes what counts or fingerprints the old bytes and keeps the rest in order and case", () => {
    expect(
      transformed([
        "Content-Type",
        "text/html",
        "content-LENGTH",
        "10",
        "Accept-Ranges",
        "bytes",
        "Content-MD5",
        "x",
        "Digest",
        "x",
        "Content-Digest",
        "x",
        "Repr-Digest",
        "x",
        "Content-Encoding",
        "gzip",
        "X-Last",
        "1",
      ]),
    ).toEqual(["Content-Type", "text/html", "Content-Encoding", "gzip", "X-Last", "1"]);
  });

  it("makes a strong ETag weak and leaves a weak one (RFC 9110 §8.8.1)", () => {
    expect(transformed(["ETag", '"v1"'])).toEqual(["ETag", 'W/"v1"']);
    expect(transformed(["ETag", 'W/"v1"'])).toEqual(["ETag", 'W/"v1"']);
  });
});
