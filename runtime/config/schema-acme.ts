import { z } from "zod";

import {
  functionOf,
  leaf,
  nonEmptyList,
  oneOf,
  oneOrMany,
  pick,
  plainText,
  wholeNumber,
  type LeafIssue,
} from "./schema-leaf.ts";
import { toHostPattern } from "./schema-patterns.ts";

const host = leaf((value) => {
  const no = (message: string, fix?: string): LeafIssue => ({
    message,
    expected: 'a full host name, such as "www.example.com"',
    ...(fix === undefined ? {} : { fix }),
  });
  if (typeof value !== "string") return no("Wrong type.");
  if (value.includes("*")) {
    return no(
      "A wildcard needs a record in the DNS, which is not supported.",
      "List the names, decide them in onDemand, or get the certificate elsewhere and use `certificates`.",
    );
  }
  const ascii = toHostPattern(value);
  if (ascii === undefined) return no("Not a host name.");
  return ascii.startsWith("[") || /^[\d.]+$/.test(ascii)
    ? no("An address is no host name.")
    : undefined;
});

/** RFC 8555 leaves it to the CA; Let's Encrypt takes a hundred. */
const MAX_SHARED = 100;

const hostSet = nonEmptyList(host).refine((list) => (list as unknown[]).length <= MAX_SHARED, {
  message: `At most ${MAX_SHARED} names share a certificate.`,
});

const directory = leaf((value) => {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  return url?.protocol === "https:"
    ? undefined
    : {
        message: "Not the address of an ACME directory.",
        expected: 'an https URL such as "https://acme-v02.api.letsencrypt.org/directory"',
      };
});

const email = leaf((value) =>
  typeof value === "string" && /^[^\s@,?]+@[^\s@,?]+$/.test(value)
    ? undefined
    : { message: "Not an address for mail.", expected: '"admin@example.com"' },
);

const agreeTos = leaf((value) =>
  value === true
    ? undefined
    : {
        message: "The CA issues nothing before its terms of service are agreed to.",
        expected: "true",
        fix: "Read them (the directory links to them), then write `agreeTos: true`.",
      },
);

const hmacKey = leaf((value) =>
  typeof value === "string" && /^[A-Za-z0-9_-]{16,}={0,2}$/.test(value)
    ? undefined
    : {
        message: "Not a key.",
        expected: "the base64url text that the CA has shown",
        got: "hidden",
      },
);

const options = z
  .strictObject({
    agreeTos,
    email: email.optional(),
    directory: directory.optional(),
    directoryCa: plainTextOrPem().optional(),
    externalAccount: z.strictObject({ kid: plainText, hmacKey }).optional(),
    challenges: nonEmptyList(oneOf("http-01", "tls-alpn-01")).optional(),
    hosts: nonEmptyList(pick((value) => (Array.isArray(value) ? hostSet : host))).optional(),
    onDemand: functionOf("a function (name) => boolean").optional(),
    ordersPerHour: wholeNumber(1, 10_000).optional(),
  })
  .superRefine((value, context) => {
    if (value.hosts !== undefined || value.onDemand !== undefined) return;
    context.addIssue({
      code: "custom",
      message: "There is no name to get a certificate for.",
      params: { expected: "hosts, or onDemand", fix: 'Add `hosts: ["www.example.com"]`.' },
      input: value,
    });
  });

export const acme = oneOrMany(options);

function plainTextOrPem(): z.ZodType {
  return leaf((value) =>
    typeof value === "string" && value.trim() !== ""
      ? undefined
      : { message: "Wrong type.", expected: "PEM text (-----BEGIN …) or the path of a PEM file" },
  );
}
