/** Requests need a key of a known client. The upstream learns whose it was, and never sees the key. */
import { createHash } from "node:crypto";

import { definePlugin, type Plugin } from "@gatewright/sdk";

export interface ApiKeyOptions {
  /** SHA-256 of each key in hexadecimal, by its client's name: whoever reads the config learns no key. */
  readonly keys: Readonly<Record<string, string>>;
  /** Field that carries the key. Default `"x-api-key"`. */
  readonly header?: string;
  /** What begins with one of these needs a key. Default: everything, `["/"]`. */
  readonly paths?: readonly string[];
  /** How often the log says who has asked how often, milliseconds. Default 60000. */
  readonly reportEveryMs?: number;
}

const CLIENT_FIELD = "x-api-client";

const apiKey: (options: ApiKeyOptions) => Plugin = definePlugin((options: ApiKeyOptions) => {
  const { keys, header = "x-api-key", paths = ["/"], reportEveryMs = 60_000 } = options;
  const clients = new Map(
    Object.entries(keys).map(([client, digest]) => [checkedDigest(client, digest), client]),
  );
  // Of this generation until `setup` has found what the one before it has counted.
  let counts = new Map<string, number>();

  return {
    name: "gatewright-plugin-api-key",

    async setup(env) {
      // Survives reloads: an edit of the config does not begin the count anew.
      counts = await env.keep("counts", () => new Map<string, number>());
      const report = (): void => {
        if (counts.size > 0) env.log.info({ requests: Object.fromEntries(counts) }, "API clients");
        counts.clear();
      };
      const timer = setInterval(report, reportEveryMs);
      return () => clearInterval(timer);
    },

    onRequest(request, ctx) {
      const key = request.headers.get(header);
      // Whatever a client says about itself is dropped; the key is no business of the upstream.
      request.headers.delete(CLIENT_FIELD);
      request.headers.delete(header);
      if (!paths.some((path) => request.path.startsWith(path))) return;
      // Looked up by its digest: how long that takes says nothing about the keys.
      const client = key === null ? undefined : clients.get(digestOf(key));
      if (client === undefined) {
        ctx.score.add(1, key === null ? "no API key" : "an unknown API key");
        return ctx.json({ error: "an API key is needed" }, 401, {
          "www-authenticate": `ApiKey header="${header}"`,
        });
      }
      counts.set(client, (counts.get(client) ?? 0) + 1);
      ctx.state["apiClient"] = client;
      request.headers.set(CLIENT_FIELD, encodeURIComponent(client));
    },
  };
});

export default apiKey;

/** What `keys` takes for a key: `node -p "(await import('gatewright-plugin-api-key')).digestOf('KEY')"`. */
export function digestOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

function checkedDigest(client: string, digest: string): string {
  if (/^[0-9a-f]{64}$/.test(digest)) return digest;
  throw new TypeError(
    `gatewright-plugin-api-key: keys[${JSON.stringify(client)}] is no SHA-256 in hexadecimal; make it with digestOf(key).`,
  );
}
