import { z } from "zod";

import { syncFunction } from "./schema-balance.ts";
import {
  boolean,
  duration,
  isToken,
  leaf,
  nonEmptyList,
  oneOf,
  pick,
  plainText,
  wholeNumber,
} from "./schema-leaf.ts";

/** The challenge page: sdk/challenge-config.ts. */

const MIN_SECRET = 32;
const MAX_DIFFICULTY = 1_000_000;

const secret = leaf((value) =>
  typeof value === "string" && value.length >= MIN_SECRET
    ? undefined
    : {
        message: "The secret is too short to be one.",
        expected: `a text of at least ${MIN_SECRET} characters`,
        fix: "Make one: openssl rand -hex 32",
        got: typeof value === "string" ? `${value.length} characters` : typeof value,
      },
);

const hidden = leaf((value) =>
  typeof value === "string" && value !== ""
    ? undefined
    : { message: "Wrong type.", expected: "a text", got: typeof value },
);

const url = leaf((value) => {
  const parsed = typeof value === "string" ? URL.parse(value) : null;
  return parsed !== null && /^https?:$/.test(parsed.protocol)
    ? undefined
    : { message: "Not an address.", expected: 'an http(s) URL such as "https://a.test/verify"' };
});

const remote = z.strictObject({
  type: oneOf("turnstile", "hcaptcha", "recaptcha"),
  siteKey: plainText,
  secretKey: hidden,
  verifyUrl: url.optional(),
  scriptUrl: url.optional(),
});

const custom = leaf((value) => {
  const { name, present, verify } = value as Readonly<Record<string, unknown>>;
  return typeof name === "string" && typeof present === "function" && typeof verify === "function"
    ? undefined
    : { message: "Not a provider.", expected: "{ name, present(facts), verify(form, facts) }" };
});

const provider = pick((value) => {
  if (typeof value !== "object" || value === null) {
    return leaf((text) =>
      text === "pow"
        ? undefined
        : {
            message: "No such provider.",
            expected: '"pow", { type: "turnstile", siteKey, secretKey } or a provider of your own',
          },
    );
  }
  return "type" in value ? remote : custom;
});

const policy = {
  provider: provider.optional(),
  when: syncFunction(
    "(request, ctx) => boolean",
    "Decide in onRequest, with ctx.challenge().",
  ).optional(),
  difficulty: pick((value) =>
    typeof value === "function"
      ? syncFunction("(score) => number", "Decide by the score alone.")
      : wholeNumber(1, MAX_DIFFICULTY),
  ).optional(),
  clearance: duration.optional(),
  timeLimit: duration.optional(),
  noScript: pick((value) => (value === false ? z.unknown() : duration)).optional(),
  bind: z
    .strictObject({
      ipv4: wholeNumber(0, 32).optional(),
      ipv6: wholeNumber(0, 128).optional(),
      userAgent: boolean.optional(),
    })
    .optional(),
};

const domain = leaf((value) =>
  typeof value === "string" && /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(value)
    ? undefined
    : { message: "Not a domain.", expected: 'a name such as "googlebot.com"' },
);

const bots = pick((value) =>
  value === false
    ? z.unknown()
    : z.array(z.strictObject({ userAgent: plainText, domains: nonEmptyList(domain) })),
);

export const challenge: z.ZodType = z.strictObject({
  ...policy,
  path: leaf((value) =>
    typeof value === "string" &&
    /^\/(?:[A-Za-z0-9._~-]+\/)+$/.test(value) &&
    !/\/\.{1,2}\//.test(value)
      ? undefined
      : {
          message: "Not a folder for the challenge page.",
          expected: 'a path with a slash at both ends, such as "/.well-known/gatewright/"',
        },
  ).optional(),
  cookie: leaf((value) =>
    typeof value === "string" && isToken(value)
      ? undefined
      : { message: "Not a name for a cookie (RFC 6265 §4.1.1)." },
  ).optional(),
  secrets: nonEmptyList(secret).optional(),
  policies: z.record(z.string(), z.strictObject(policy)).optional(),
  bots: bots.optional(),
});

export const routeChallenge: z.ZodType = pick((value) =>
  value === false ? z.unknown() : z.strictObject(policy),
);
