import { isProxyError, ProxyError } from "../../errors.ts";

/** Below this result no ratio is asked for: short texts of one letter compress a hundredfold and harm nobody. */
const FREE_BYTES = 64 * 1024;

/**
 * Takes the codings off content that is in memory, with a cap on the result of each step: `decodeBytes` of content-coding,
 * handed in because a primitive imports no other.
 */
export type DecodeBytes<C> = (
  bytes: Uint8Array<ArrayBuffer>,
  codings: readonly C[],
  maxBytes: number,
  tooLarge: "PROXY_CONTENT_TOO_LARGE",
) => Promise<Uint8Array<ArrayBuffer>>;

export interface InflateForInspection<C> {
  /**
   * Compressed request content in plain, for a look at it. Never more than `maxBytes`, nor more than `maxRatio` times
   * what came (a decompression bomb is small, and expands before anybody can look at it): `PROXY_CONTENT_TOO_LARGE`.
   * What is not in its coding rejects with `PROXY_REQUEST_CONTENT_CODING`: an upstream may read it differently, so it
   * must not pass uninspected by being broken.
   */
  (
    bytes: Uint8Array<ArrayBuffer>,
    codings: readonly C[],
    maxBytes: number,
    maxRatio: number,
  ): Promise<Uint8Array<ArrayBuffer>>;
}

export function createInflateForInspection<C>(decode: DecodeBytes<C>): InflateForInspection<C> {
  return async (bytes, codings, maxBytes, maxRatio) => {
    if (codings.length === 0) return bytes;
    const allowed = Math.max(FREE_BYTES, Math.floor(bytes.byteLength * maxRatio));
    try {
      return await decode(bytes, codings, Math.min(maxBytes, allowed), "PROXY_CONTENT_TOO_LARGE");
    } catch (error) {
      if (isProxyError(error) && error.code === "PROXY_CONTENT_TOO_LARGE") throw error;
      throw new ProxyError("PROXY_REQUEST_CONTENT_CODING", {
        cause: error,
        message: `the content is not in the coding that it names (${codings.join(", ")})`,
      });
    }
  };
}
