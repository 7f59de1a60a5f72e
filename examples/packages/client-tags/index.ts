/**
 * Tags for clients, from IP lists of the config (countries, crawlers, offices) and from the User-Agent: for the upstream
 * in a field, for other hooks in `ctx.state`, for the score in points.
 */
import { definePlugin, type Plugin } from "@gatewright/sdk";

export interface ClientTag {
  readonly tag: string;
  /** Name of a list: `allowlists`, or `blocklists` with `mode: "score"` and `points: 0` where it shall only be known. */
  readonly list?: string;
  /** Texts in the User-Agent, any of them, in whatever case. Anybody can claim to be anything there. */
  readonly agent?: readonly string[];
  /** For the score. Default 0. */
  readonly points?: number;
}

export interface ClientTagsOptions {
  /** A tag with `list` and `agent` needs both: who claims to be a crawler and comes from its addresses is one. */
  readonly tags: readonly ClientTag[];
  /** Field for the upstream. Default `"x-client-tags"`; `false`: none. */
  readonly field?: string | false;
}

/** RFC 9110 §5.6.2: what a field can carry between commas. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-zA-Z]+$/;

const clientTags: (options: ClientTagsOptions) => Plugin = definePlugin(
  ({ tags, field = "x-client-tags" }: ClientTagsOptions) => {
    for (const { tag, list, agent } of tags) {
      if (!TOKEN.test(tag)) throw new TypeError(`client-tags: ${JSON.stringify(tag)} is no token.`);
      if (list === undefined && agent === undefined) {
        throw new TypeError(`client-tags: ${tag} needs a list, an agent, or both.`);
      }
    }
    const rules = tags.map((rule) => ({
      ...rule,
      agent: rule.agent?.map((text) => text.toLowerCase()),
    }));

    return {
      name: "gatewright-plugin-client-tags",
      order: "pre",

      onRequest(request, ctx) {
        const agent = (request.headers.get("user-agent") ?? "").toLowerCase();
        const found: string[] = [];
        for (const rule of rules) {
          if (rule.agent?.some((text) => agent.includes(text)) === false) continue;
          if (rule.list !== undefined && !ctx.listed(rule.list)) continue;
          found.push(rule.tag);
          if (rule.points !== undefined && rule.points !== 0) {
            ctx.score.add(rule.points, `the client is tagged ${rule.tag}`, `tag:${rule.tag}`);
          }
        }
        ctx.state["clientTags"] = found;
        if (field === false) return;
        // A client's own claim goes in any case.
        if (found.length === 0) request.headers.delete(field);
        else request.headers.set(field, found.join(", "));
      },
    };
  },
);

export default clientTags;
