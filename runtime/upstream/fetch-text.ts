import { fetch as fetchFromNetwork } from "undici";

export interface FetchTextLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * A text from a URL in the pieces in which it came, bounded in size and time. Follows redirects, unless it sends a key:
 * that is for this address only. A name and a password in the URL become a field, and are in no error's message.
 */
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
  const target = new URL(url);
  const headers = { ...fields, ...credentialsOf(target) };
  target.username = "";
  target.password = "";
  const redirect = "x-api-key" in fields ? "error" : "follow";
  const response = await fetch(target, { headers, redirect, signal: limit });
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

/** RFC 7617 §2. */
function credentialsOf({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
