import { request, type RequestOptions } from "node:https";
import { rootCertificates } from "node:tls";

import { AcmeError } from "./acme-error.ts";

export interface AcmeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
}

export interface TransportOptions {
  /** PEM of further authorities for the directory's own certificate. */
  readonly ca: string | undefined;
  readonly userAgent: string;
  readonly timeoutMs?: number;
}

/** One exchange with the CA. Rejects with an {@link AcmeError} of the kind `unreachable`. */
export type AcmeTransport = (
  method: "GET" | "HEAD" | "POST",
  url: string,
  body: string | undefined,
  signal: AbortSignal,
) => Promise<AcmeAnswer>;

/** Chains have some KB; the rest are small JSON texts. */
const MAX_ANSWER_BYTES = 512 * 1024;
const TIMEOUT_MS = 30_000;

/**
 * node:https without an agent: a CA is asked a few times in two months, so there is nothing to keep open. Redirects are
 * not followed (the directory names every address), and answers are bounded in time and size.
 */
export function createTransport(options: TransportOptions): AcmeTransport {
  const { ca, userAgent, timeoutMs = TIMEOUT_MS } = options;
  const trust: RequestOptions = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  return (method, url, body, signal) =>
    new Promise((resolve, reject) => {
      const fail = (message: string, cause?: unknown): void =>
        reject(new AcmeError("unreachable", message, { cause }));
      // RFC 8555 §6.1: nothing but https. An answer that points elsewhere would have us sign for whoever listens there.
      if (!url.startsWith("https://")) {
        fail(`the CA names an address that is not https: ${url.slice(0, 200)}`);
        return;
      }
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const outgoing = request(
        url,
        {
          method,
          agent: false,
          signal: limit,
          ...trust,
          headers: {
            "user-agent": userAgent,
            ...(body === undefined
              ? {}
              : {
                  "content-type": "application/jose+json",
                  "content-length": Buffer.byteLength(body),
                }),
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          incoming.on("data", (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > MAX_ANSWER_BYTES) {
              fail("the CA's answer is larger than 512 KB");
              incoming.destroy();
              return;
            }
            chunks.push(chunk);
          });
          incoming.on("error", (error) => fail(reasonOf(error, signal, timeoutMs), error));
          incoming.on("end", () =>
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers as Record<string, string | undefined>,
              text: Buffer.concat(chunks).toString("utf8"),
            }),
          );
        },
      );
      outgoing.on("error", (error) => fail(reasonOf(error, signal, timeoutMs), error));
      outgoing.end(body);
    });
}

function reasonOf(error: Error, signal: AbortSignal, timeoutMs: number): string {
  if (signal.aborted) return "given up";
  if (error.name === "AbortError" || error.name === "TimeoutError") {
    return `the CA did not answer within ${timeoutMs / 1000} s`;
  }
  const { code } = error as NodeJS.ErrnoException;
  return `the CA cannot be reached: ${code ?? error.message}`;
}
