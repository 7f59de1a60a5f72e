/** One id for a request: in the log it is there anyway, this tells the upstream and the client. */
import { definePlugin, type Plugin } from "@gatewright/sdk";

export interface RequestIdOptions {
  /** Field for the upstream. Default `"x-request-id"`; `false`: none. */
  readonly request?: string | false;
  /** Field for the client, who can name it when something went wrong. Default `"x-request-id"`; `false`: none. */
  readonly response?: string | false;
  /**
   * Continues the trace of a client's valid `traceparent`, or begins one (W3C Trace Context, level 1). Default false:
   * the field passes as it is.
   */
  readonly traceparent?: boolean;
}

/** Version 00, ids that are not all zeros. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

const requestId: (options?: RequestIdOptions) => Plugin = definePlugin(
  (options: RequestIdOptions = {}) => {
    const { request: toUpstream = "x-request-id", response: toClient = "x-request-id" } = options;
    return {
      name: "gatewright-plugin-request-id",
      order: "pre",

      onRequest(request, ctx) {
        // The proxy's own id: a client's is taken over only from trusted hops, so nobody can forge one.
        if (toUpstream !== false) request.headers.set(toUpstream, ctx.id);
        if (options.traceparent !== true) return;
        const [, trace = hex(16), flags = "00"] =
          TRACEPARENT.exec(request.headers.get("traceparent") ?? "") ?? [];
        request.headers.set("traceparent", `00-${trace}-${hex(8)}-${flags}`);
        ctx.state["traceId"] = trace;
      },

      onResponse(response, ctx) {
        if (toClient !== false) response.headers.set(toClient, ctx.id);
      },
    };
  },
);

export default requestId;

/** Random, and never all zeros, which the specification excludes. */
function hex(bytes: number): string {
  const values = crypto.getRandomValues(new Uint8Array(bytes));
  values[0] ||= 1;
  return Array.from(values, (value) => value.toString(16).padStart(2, "0")).join("");
}
