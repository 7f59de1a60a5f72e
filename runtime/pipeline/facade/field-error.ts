import { ProxyError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";

const BRAND = Symbol.for("gatewright.ProxyError");

/**
 * A hook gave something that no message can carry. A `TypeError` or `RangeError` for the author, as the Web platform
 * has it, and a `PROXY_HOOK_FIELD` or `PROXY_HOOK_DECISION` for us: if the hook lets it pass, the request ends with 500.
 */
export function hookTypeError(code: ErrorCode, message: string): TypeError {
  return branded(new TypeError(message), code, message);
}

export function hookRangeError(code: ErrorCode, message: string): RangeError {
  return branded(new RangeError(message), code, message);
}

function branded<E extends Error>(error: E, code: ErrorCode, message: string): E {
  const { status, source, retryable, publicDetail, fields } = new ProxyError(code, { message });
  Object.assign(error, { code, status, source, retryable, publicDetail, fields });
  Object.defineProperty(error, BRAND, { value: true });
  return error;
}
