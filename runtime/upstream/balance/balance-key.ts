import type { ProxyRequest } from "@gatewright/sdk";

import { cookieValue } from "../../http/cookie.ts";
import { fieldValue } from "../../http/raw-fields.ts";
import type { BalanceRequest } from "./balancer.ts";

/** What belongs together: requests with the same key go to the same place. Names of fields in lower case. */
export type KeySource =
  | "client"
  | { readonly header: string }
  | { readonly cookie: string }
  | ((request: ProxyRequest) => string | undefined);

/**
 * The key of a request. Without the field or the cookie, or if the function gives none or throws, the client's address:
 * one key for all of those would send them all to the same place.
 */
export function createKey(
  by: KeySource,
  onFault: (error: unknown) => void,
): (request: BalanceRequest) => string {
  if (by === "client") return ({ clientAddress = "" }) => clientAddress;
  if (typeof by === "function") {
    return ({ facades, clientAddress = "" }) => {
      if (facades === undefined) return clientAddress;
      try {
        const key: unknown = by(facades.request);
        if (typeof key === "string" && key !== "") return key;
        if (key === undefined || key === "") return clientAddress;
        onFault(new TypeError(`a key to balance by must be a text, not ${typeof key}`));
      } catch (error) {
        onFault(error);
      }
      return clientAddress;
    };
  }
  if ("header" in by) {
    const { header } = by;
    return ({ fields, clientAddress = "" }) => fieldValue(fields, header) || clientAddress;
  }
  const { cookie } = by;
  return ({ fields, clientAddress = "" }) => cookieValue(fields, cookie) || clientAddress;
}
