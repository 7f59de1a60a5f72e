import type { Size } from "./units.ts";

/** Content codings that responses can be compressed with. */
export type CompressionEncoding = "zstd" | "br" | "gzip";

/** How contents of responses are compressed. A route's keys replace the global ones one by one. */
export interface CompressionConfig {
  /** Those that may be used; of several that a client wants equally, the first. Default `["zstd", "br", "gzip"]`. */
  encodings?: readonly CompressionEncoding[];
  /** Shorter content is sent as it is. Default `"1kb"`. */
  minSize?: Size;
  /**
   * Media types to compress, instead of the default: `"application/x-own"`, `"text/*"`. Default: what shrinks (text, JSON,
   * XML, JavaScript, SVG, …); never images, video, audio and archives.
   */
  types?: readonly string[];
  /**
   * Effort while a client waits: gzip 1 to 9, br 0 to 11, zstd 1 to 19. Default `{ gzip: 6, br: 4, zstd: 3 }`. _Risk_ of
   * more: br above 6 and zstd above 9 take ten times the time.
   */
  levels?: Partial<Record<CompressionEncoding, number>>;
  /**
   * What upstreams are asked for. `"pass"`: what the client accepts, so that an upstream which compresses keeps doing so.
   * `"identity"`: plain content, so that all compression is done here. Default `"pass"`.
   */
  upstream?: "pass" | "identity";
}

/** `ctx.compression`. */
export interface ResponseCompression {
  /** Sends this response's content as it is, whatever the config says. Harmless where compression is off. */
  off(): void;
}
