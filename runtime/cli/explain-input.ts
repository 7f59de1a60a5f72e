import { isIP } from "node:net";

import type { ExplainInput } from "../pipeline/explain.ts";
import { UsageError } from "./terminal.ts";

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What the command line says, as a request. `origin` stands in where the URL is only a path. */
export function toExplainInput(
  given: {
    readonly method: string;
    readonly url: string;
    readonly header: readonly string[];
    readonly client: string;
    readonly status?: string;
    readonly response?: readonly string[];
  },
  origin: string,
): ExplainInput {
  if (!TOKEN.test(given.method)) throw new UsageError(`${given.method} is not a method.`);
  if (given.method === "CONNECT") {
    throw new UsageError(
      "CONNECT is refused with 405 before it has a route. A WebSocket is GET with -H 'upgrade: websocket'.",
    );
  }
  if (isIP(given.client) === 0)
    throw new UsageError(`--client ${given.client} is not an IP address.`);
  return {
    method: given.method,
    url: toAbsolute(given.url, origin),
    fields: given.header.flatMap((line) => toField("-H", line)),
    clientAddress: given.client,
    ...toResponse(given.status, given.response ?? []),
  };
}

function toAbsolute(url: string, origin: string): string {
  // As written: what normalising does to a path is part of what gets explained.
  const absolute = url.startsWith("/") ? origin + url : url;
  if (!/^https?:\/\/[^/?#]/i.test(absolute) || !URL.canParse(absolute)) {
    throw new UsageError(
      `${url} is neither an absolute http or https URL nor a path that begins with /.`,
    );
  }
  return absolute;
}

function toResponse(
  status: string | undefined,
  lines: readonly string[],
): Pick<ExplainInput, "response"> {
  if (status === undefined && lines.length === 0) return {};
  if (status !== undefined && !/^[2-5]\d\d$/.test(status)) {
    throw new UsageError(`--status ${status} is not a status from 200 to 599.`);
  }
  const fields = lines.flatMap((line) => toField("--response", line));
  return { response: { status: Number(status ?? 200), fields } };
}

function toField(option: string, line: string): [name: string, value: string] {
  const colon = line.indexOf(":");
  const name = line.slice(0, colon);
  if (colon < 1 || !TOKEN.test(name)) {
    throw new UsageError(
      `${option} '${line}' is not a header field: write ${option} 'name: value'.`,
    );
  }
  const value = line.slice(colon + 1).trim();
  // oxlint-disable-next-line no-control-regex -- RFC 9110 §5.5 forbids them
  if (/[\u0000-\u0008\u000A-\u001F\u007F]|[^\u0000-\u00FF]/.test(value)) {
    throw new UsageError(
      `${option} '${name}': the value has characters that a field cannot carry.`,
    );
  }
  return [name, value];
}
