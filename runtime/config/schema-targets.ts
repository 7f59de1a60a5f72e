import { isIP } from "node:net";

import { z } from "zod";

import { targetIssue, tlsServerNameIssue } from "./schema-addresses.ts";
import {
  boolean,
  duration,
  leaf,
  nonEmptyList,
  oneOf,
  pick,
  wholeNumber,
  type LeafIssue,
} from "./schema-leaf.ts";
import { passphrase, pem } from "./schema-tls.ts";

/** Where an upstream's targets are and how they are reached. */

const target = z.strictObject({
  url: leaf(targetIssue),
  weight: wholeNumber(1, 65_535).optional(),
  priority: wholeNumber(0, 100).optional(),
  maxConnections: wholeNumber(1).optional(),
});

/** An empty list is looked at in validate-upstreams.ts. */
export const targets = z.array(
  pick((value) => (typeof value === "object" && value !== null ? target : leaf(targetIssue))),
);

const resolveWay = pick((value) =>
  typeof value === "function" ? z.unknown() : oneOf("lookup", "dns", "srv"),
);

/** Why a value, given at run time, is no target. */
export function targetConfigIssue(value: unknown): string | undefined {
  const result = targets.safeParse([value]);
  if (result.success) return undefined;
  const [issue] = result.error.issues;
  return `${issue?.path.slice(1).join(".") ?? ""} ${issue?.message ?? ""}`.trim();
}

export const resolve = pick((value) =>
  typeof value === "object" && value !== null
    ? z.strictObject({
        by: resolveWay,
        servers: nonEmptyList(leaf(serverIssue)).optional(),
        interval: duration.optional(),
      })
    : resolveWay,
);

export const upstreamTls = z.strictObject({
  ca: pick((value) => (Array.isArray(value) ? nonEmptyList(pem) : pem)).optional(),
  serverName: leaf(tlsServerNameIssue).optional(),
  cert: pem.optional(),
  key: pem.optional(),
  passphrase: passphrase.optional(),
  verify: boolean.optional(),
});

export const panicThreshold = leaf((value) =>
  typeof value === "number" && value >= 0 && value <= 1
    ? undefined
    : { message: "Not a share.", expected: "a number from 0 to 1" },
);

function serverIssue(value: unknown): LeafIssue | undefined {
  const expected = 'the address of a name server, such as "192.0.2.53" or "192.0.2.53:5353"';
  if (typeof value !== "string") return { message: "Wrong type.", expected };
  const [, bracketed, plain, port] =
    /^(?:\[([^\]]+)\]|([^:]+|[0-9a-f:]+))(?::(\d{1,5}))?$/i.exec(value) ?? [];
  const address = isIP(value) === 0 ? (bracketed ?? plain ?? "") : value;
  if (isIP(address) === 0 || Number(port ?? 53) < 1 || Number(port ?? 53) > 65_535) {
    return { message: "Not an address.", expected };
  }
  return undefined;
}
