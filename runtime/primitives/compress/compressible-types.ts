import db from "mime-db";

/** Whether content of a media type (`type/subtype`, lower case) shrinks. */
export type TypeTest = (essence: string) => boolean;

/** By mime-db's flag, and by structure: texts, and whatever says that it is JSON or XML (RFC 6838 §4.2.8). */
export const shrinksByDefault: TypeTest = (essence) => {
  // gRPC compresses its messages itself, and its frames must arrive one by one.
  if (essence.startsWith("application/grpc")) return false;
  if (essence.endsWith("+json") || essence.endsWith("+xml")) return true;
  // Of images and the like mime-db flags a few raw formats; what comes over the web under those names is packed.
  if (/^(?:image|video|audio)\//.test(essence)) return false;
  if (essence.startsWith("text/")) return true;
  return FLAGGED.has(essence);
};

/** `"application/x-own"` or `"text/*"`, in any case. */
export function createTypeTest(types: readonly string[]): TypeTest {
  const exact = new Set(types.map((type) => type.toLowerCase()));
  return (essence) =>
    exact.has(essence) || exact.has(`${essence.slice(0, essence.indexOf("/"))}/*`);
}

const FLAGGED: ReadonlySet<string> = new Set(
  Object.entries(db)
    .filter(([, { compressible }]) => compressible === true)
    // Bytes of a kind that nobody named: archives and other downloads, mostly, which clients continue by ranges.
    .filter(([essence]) => essence !== "application/octet-stream")
    .map(([essence]) => essence),
);
