import { z } from "zod";

import {
  duration,
  functionOf,
  leaf,
  nonEmptyList,
  oneOf,
  pick,
  plainText,
  wholeNumber,
  type LeafIssue,
} from "./schema-leaf.ts";
import { acme } from "./schema-acme.ts";
import { toHostPattern } from "./schema-patterns.ts";

const PEM_EXPECTED = "PEM text (-----BEGIN …) or the path of a PEM file";

/** PEM text or a path. The value is never shown: it may be a private key. */
export const pem = leaf((value) => {
  const no = (message: string): LeafIssue => ({ message, expected: PEM_EXPECTED, got: "hidden" });
  if (typeof value !== "string") return no("Wrong type.");
  if (value.trim() === "") return no("The text is empty.");
  if (isPem(value)) return undefined;
  return value.includes("\0") || value.includes("\n")
    ? no("Neither PEM text nor a path.")
    : undefined;
});

export const passphrase = leaf((value) =>
  typeof value === "string" && value !== ""
    ? undefined
    : { message: "Not a passphrase.", expected: "a text", got: "hidden" },
);

const certificate = pick((value) =>
  typeof value === "object" && value !== null && "folder" in value
    ? z.strictObject({ folder: plainText, passphrase: passphrase.optional() })
    : z.strictObject({ cert: pem, key: pem, passphrase: passphrase.optional() }),
);

const minVersion = oneOf("TLSv1.2", "TLSv1.3");

const clientCertificates = z.strictObject({
  mode: oneOf("request", "require"),
  ca: pick((value) => (Array.isArray(value) ? nonEmptyList(pem) : pem)),
});

const hostRules = z.strictObject({
  minVersion: minVersion.optional(),
  clientCertificates: pick((value) =>
    value === false ? z.unknown() : clientCertificates,
  ).optional(),
});

const hosts = z.record(z.string(), hostRules).superRefine((rules, context) => {
  const seen = new Map<string, string>();
  for (const name of Object.keys(rules)) {
    const issue = hostIssue(name, seen);
    if (issue === undefined) continue;
    const { message, ...params } = issue;
    context.addIssue({ code: "custom", message, params, path: [name], input: name });
  }
});

const tlsOptions = z
  .strictObject({
    certificates: z.array(certificate).optional(),
    onServerName: functionOf("a function (name) => certificate or undefined").optional(),
    acme: acme.optional(),
    unknownName: oneOf("default", "refuse").optional(),
    minVersion: minVersion.optional(),
    clientCertificates: clientCertificates.optional(),
    hosts: hosts.optional(),
    handshakeTimeout: duration.optional(),
  })
  .superRefine((options, context) => {
    const { certificates, onServerName, acme } = options;
    if (
      acme !== undefined ||
      onServerName !== undefined ||
      (certificates !== undefined && certificates.length > 0)
    )
      return;
    context.addIssue({
      code: "custom",
      message: "There is no certificate.",
      params: {
        expected: "certificates, acme or onServerName",
        fix: 'Add `certificates: [{ cert: "a.pem", key: "a.key" }]`, or write `tls: "dev"` while developing.',
      },
      input: options,
    });
  });

export const tls = pick((value) => (typeof value === "string" ? oneOf("dev") : tlsOptions));

export const redirectToHttps = pick((value) =>
  typeof value === "number" ? wholeNumber(1, 65_535) : z.boolean(),
);

export function isPem(text: string): boolean {
  return text.trimStart().startsWith("-----BEGIN ");
}

/** Names that no client can ask for would be rules that never apply. */
function hostIssue(name: string, seen: Map<string, string>): LeafIssue | undefined {
  const expected = '"a.test" or "*.a.test" (one label more)';
  const ascii = name.startsWith("**") ? undefined : toHostPattern(name);
  if (ascii === undefined || ascii.startsWith("[") || /^[\d.]+$/.test(ascii)) {
    return {
      message: "Not a name that a client can ask for in TLS.",
      expected,
      ...(/^[\d.]+$|^\[/.test(name)
        ? { fix: "Addresses are not sent: use the listener's own rules." }
        : {}),
    };
  }
  const other = seen.get(ascii);
  if (other !== undefined) {
    return { message: `The host ${ascii} has rules twice.`, fix: "Put them together." };
  }
  seen.set(ascii, name);
  return undefined;
}
