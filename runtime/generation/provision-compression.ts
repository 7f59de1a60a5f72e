import type { ResolvedCompression, ResolvedConfig } from "../config/resolved-config.ts";
import { Compression } from "../primitives/compress/compression.ts";
import { createTypeTest, shrinksByDefault } from "../primitives/compress/compressible-types.ts";

/** Routes that say nothing share one instance, and with it what it remembers of clients and types. */
export function provisionCompression(config: ResolvedConfig): {
  readonly global: Compression | undefined;
  forRoute(own: ResolvedCompression | undefined): { compression?: Compression | null };
} {
  const global = create(config.compression);
  return {
    global,
    forRoute(own) {
      if (own === config.compression) return {};
      return { compression: create(own) ?? null };
    },
  };
}

function create(resolved: ResolvedCompression | undefined): Compression | undefined {
  return (
    resolved &&
    new Compression({
      encodings: resolved.encodings,
      minBytes: resolved.minBytes,
      levels: { ...resolved.levels, deflate: resolved.levels.gzip },
      shrinks: resolved.types === undefined ? shrinksByDefault : createTypeTest(resolved.types),
      asksIdentity: resolved.upstream === "identity",
    })
  );
}
