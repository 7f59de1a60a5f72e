import type { IncomingMessage, ServerResponse } from "node:http";

import type { ListAnswer } from "../generation/list-requests.ts";
import { jsonContent } from "./content.ts";
import { sendJson, sendProblem } from "./send.ts";

/** What the list endpoints need of the process behind them. */
export interface ListSource {
  lists(): Promise<ListAnswer>;
  /** With `address`: whether the list has it. */
  list(name: string, address: string | undefined): Promise<ListAnswer>;
  /** `change`: as it was sent. */
  changeList(kind: "add" | "remove", name: string, change: unknown): Promise<ListOutcome>;
}

/** `problem`: what is wrong with the change. */
export type ListOutcome = ListAnswer | { readonly kind: "refused"; readonly problem: string };

interface ListEndpoint {
  readonly method: "GET" | "POST" | "DELETE";
  readonly allow: string;
  readonly maxContentBytes?: number;
  run(request: IncomingMessage, response: ServerResponse, source: ListSource): Promise<void>;
}

const PLACE = "/api/lists";
/** Some thousand ranges. */
const MAX_CHANGE_BYTES = 128 * 1024;

/** `GET /api/lists`; `GET`, `POST` and `DELETE /api/lists/NAME`. `undefined`: the path is none of them. */
export function listEndpoint(path: string, method: string | undefined): ListEndpoint | undefined {
  if (path === PLACE) return ALL;
  if (!path.startsWith(`${PLACE}/`)) return undefined;
  const name = decoded(path.slice(PLACE.length + 1));
  if (name === undefined || name === "") return undefined;
  if (method === "POST") return change(name);
  return method === "DELETE" ? removal(name) : look(name);
}

const ALL: ListEndpoint = {
  method: "GET",
  allow: "GET, HEAD",
  async run(_request, response, source) {
    answer(response, await source.lists());
  },
};

const EACH = "GET, HEAD, POST, DELETE";

function look(name: string): ListEndpoint {
  return {
    method: "GET",
    allow: EACH,
    async run(request, response, source) {
      answer(response, await source.list(name, queryOf(request).get("address") ?? undefined));
    },
  };
}

function change(name: string): ListEndpoint {
  return {
    method: "POST",
    allow: EACH,
    maxContentBytes: MAX_CHANGE_BYTES,
    async run(request, response, source) {
      const sent = await jsonContent(request, MAX_CHANGE_BYTES);
      answer(response, await source.changeList("add", name, sent));
    },
  };
}

/** RFC 9110 §9.3.5: content of a DELETE means nothing, so all of it is in the query. */
function removal(name: string): ListEndpoint {
  return {
    method: "DELETE",
    allow: EACH,
    async run(request, response, source) {
      const query = queryOf(request);
      const sent: Record<string, unknown> = {};
      for (const key of query.keys()) {
        sent[key] = key === "range" ? query.getAll(key) : query.get(key);
      }
      answer(response, await source.changeList("remove", name, sent));
    },
  };
}

function answer(response: ServerResponse, outcome: ListOutcome): void {
  switch (outcome.kind) {
    case "lists":
      sendJson(response, 200, { lists: outcome.lists });
      break;
    case "list":
      sendJson(response, 200, outcome.list);
      break;
    case "changed":
      if (outcome.left.length === 0) sendJson(response, 200, outcome.list);
      else
        sendProblem(
          response,
          409,
          `No room for ${outcome.left.length} of them; the others are done.`,
        );
      break;
    case "refused":
      sendProblem(response, 400, `${outcome.problem}.`);
      break;
    case "unknown":
      sendProblem(response, 404, unknownList(outcome.names));
      break;
  }
}

function unknownList(names: readonly string[]): string {
  return names.length === 0
    ? "The live config has no lists."
    : `There is no such list; there are: ${names.join(", ")}.`;
}

function queryOf(request: IncomingMessage): URLSearchParams {
  const target = request.url ?? "";
  const mark = target.indexOf("?");
  return new URLSearchParams(mark === -1 ? "" : target.slice(mark + 1));
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
