import { fetch as fetchFromNetwork } from "undici";

export interface FetchTextLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** A text from a URL in the pieces in which it came, bounded in size and time. Follows redirects. */
export async function fetchText(
  url: string,
  fields: Readonly<Record<string, string>>,
  { timeoutMs, maxBytes, signal }: FetchTextLimits,
  fetch: typeof globalThis.fetch = fetchFromNetwork as unknown as typeof globalThis.fetch,
): Promise<{
  status: number;
  etag: string | undefined;
  lastModified: string | undefined;
  text: readonly Uint8Array[];
}> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const response = await fetch(url, { headers: { ...fields }, signal: limit });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    // Leaving the loop cancels the rest. Counted decoded: a small answer may grow.
    if (bytes > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return {
    status: response.status,
    etag: response.headers.get("etag") ?? undefined,
    lastModified: response.headers.get("last-modified") ?? undefined,
    text: chunks,
  };
}
