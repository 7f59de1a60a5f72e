import { resolve } from "node:path";

import type {
  CertificateConfig,
  CertificateFolder,
  ClientCertificatesConfig,
  ListenConfig,
  TlsConfig,
} from "@gatewright/sdk";

import { toAcme } from "./normalize-acme.ts";
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, DEFAULT_TLS_MIN_VERSION } from "./defaults.ts";
import type {
  ResolvedCertificate,
  ResolvedClientCertificates,
  ResolvedPem,
  ResolvedTls,
  ResolvedTlsRules,
} from "./resolved-config.ts";
import { isPem } from "./schema-tls.ts";
import { toHostPattern } from "./schema-patterns.ts";
import { parseDuration } from "../units.ts";

/** Plain data, so that it can travel to a worker; `onServerName` stays behind. */
export function toTls(
  tls: ListenConfig["tls"],
  dir: string,
  hasPlainListener: boolean,
): ResolvedTls | undefined {
  if (tls === undefined) return undefined;
  const options: TlsConfig = tls === "dev" ? {} : tls;
  const base: ResolvedTlsRules = Object.freeze({
    minVersion: options.minVersion ?? DEFAULT_TLS_MIN_VERSION,
    clientCertificates: toClientCertificates(options.clientCertificates, dir),
  });
  const hosts = Object.entries(options.hosts ?? {}).map(([name, rules]) => {
    const { minVersion = base.minVersion, clientCertificates } = rules;
    const own =
      clientCertificates === undefined
        ? base.clientCertificates
        : toClientCertificates(clientCertificates, dir);
    const resolved: ResolvedTlsRules = Object.freeze({ minVersion, clientCertificates: own });
    return Object.freeze([toHostPattern(name) ?? name, resolved] as const);
  });
  return Object.freeze({
    ...base,
    isDev: tls === "dev",
    certificates: Object.freeze((options.certificates ?? []).map((one) => toCertificate(one, dir))),
    hasServerNameHook: options.onServerName !== undefined,
    acme: toAcme(options.acme, hasPlainListener, (value) => toPem(value, dir)),
    unknownName: options.unknownName ?? "default",
    hosts: Object.freeze(hosts),
    handshakeMs: parseDuration(options.handshakeTimeout) ?? DEFAULT_HANDSHAKE_TIMEOUT_MS,
  });
}

/** Text, or a path made absolute. */
export function toPem(value: string, dir: string): ResolvedPem {
  return Object.freeze(
    isPem(value)
      ? { kind: "text" as const, text: value }
      : { kind: "file" as const, path: resolve(dir, value) },
  );
}

function toCertificate(
  option: CertificateConfig | CertificateFolder,
  dir: string,
): ResolvedCertificate {
  if ("folder" in option) {
    const folder = resolve(dir, option.folder);
    return Object.freeze({ kind: "folder", folder, passphrase: option.passphrase });
  }
  const cert = toPem(option.cert, dir);
  return Object.freeze({
    kind: "pair",
    cert,
    key: toPem(option.key, dir),
    passphrase: option.passphrase,
  });
}

function toClientCertificates(
  option: ClientCertificatesConfig | false | undefined,
  dir: string,
): ResolvedClientCertificates | undefined {
  if (option === undefined || option === false) return undefined;
  const ca = [option.ca].flat().map((value) => toPem(value, dir));
  return Object.freeze({ mode: option.mode, ca: Object.freeze(ca) });
}
