import { forwardableFields } from "../http/hop-by-hop.ts";
import { fieldValue, removeField, setField, type RawFields } from "../http/raw-fields.ts";
import { appendVia } from "../http/via.ts";
import { uncodedRequest } from "./compress.ts";
import type { Flow } from "./flow.ts";

/**
 * The fields as they will be forwarded, made once: at the first look of a hook, else at dispatch.
 *
 * RFC 9110 §7.6.1: what the client's Connection names is removed first, so that a client can never name a field that we
 * or a hook add afterwards. Hooks therefore never see hop-by-hop fields or forwarded claims that nobody vouches for.
 */
export function outgoingFields(flow: Flow): RawFields {
  const { exchange, parts } = flow;
  const fields = forwardableFields(exchange.fields, "request");
  parts.forwarded(fields, {
    address: flow.clientAddress,
    peerAddress: exchange.connection.peerAddress,
    trusted: flow.peerTrusted,
    scheme: flow.scheme,
    authority: exchange.authority,
    localPort: exchange.connection.localPort,
  });
  if (parts.via !== undefined) appendVia(fields, exchange.protocol, parts.via);
  setField(fields, "X-Request-ID", flow.id);
  if (parts.withholdRange) {
    removeField(fields, "range");
    removeField(fields, "if-range");
  }
  uncodedRequest(flow, fields);
  if (flow.method === "OPTIONS" || flow.method === "TRACE") {
    const hops = Number(fieldValue(fields, "max-forwards") ?? Number.NaN);
    if (Number.isInteger(hops) && hops > 0) setField(fields, "Max-Forwards", String(hops - 1));
  }
  return fields;
}
