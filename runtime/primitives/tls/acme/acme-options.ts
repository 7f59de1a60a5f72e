import type { PemOption } from "../pem-files.ts";

export type ChallengeType = "http-01" | "tls-alpn-01";

export interface AcmeOptions {
  /** Absolute `https` URL. */
  readonly directory: string;
  /** Who signed the directory's own certificate, where the system does not know them. */
  readonly directoryCa: PemOption | undefined;
  readonly email: string | undefined;
  readonly externalAccount: { readonly kid: string; readonly hmacKey: string } | undefined;
  /** In order of preference. */
  readonly challenges: readonly ChallengeType[];
  /** One certificate for each set. Lower-case ASCII. */
  readonly hostSets: readonly (readonly string[])[];
  readonly hasOnDemand: boolean;
  readonly ordersPerHour: number;
}

/** Whether a certificate may be ordered for a name that a client has asked for. */
export type OnDemandDecision = (name: string) => boolean | Promise<boolean>;
