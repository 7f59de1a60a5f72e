/** Status codes: RFC 9110 §15. */
import { STATUS_CODES } from "node:http";

/** Responses that end with their head, whatever their fields say (RFC 9112 §6.3): to HEAD, 1xx, 204 and 304. */
export function hasNoContent(method: string, status: number): boolean {
  return status === 204 || status === 304 || status < 200 || method === "HEAD";
}

/** The usual words for a status, or those of its class (RFC 9110 §15: an unknown x99 is treated as x00). */
export function reasonPhrase(status: number): string {
  return STATUS_CODES[status] ?? STATUS_CODES[Math.floor(status / 100) * 100] ?? "Unknown";
}
