import { createHash } from "node:crypto";
import { join } from "node:path";

import { AcmeCertificates } from "../primitives/tls/acme/acme-certificates.ts";
import type { AcmeLimits } from "../primitives/tls/acme/acme-limits.ts";
import type { ChallengeBoard } from "../primitives/tls/acme/challenge-board.ts";
import type { TlsProvisionOptions } from "./provision-tls.ts";

/** What ACME needs beside the config: the same for all generations of a process. */
export interface AcmeDependencies {
  readonly board: ChallengeBoard;
  /** For tests: shorter waits. */
  readonly limits?: Partial<AcmeLimits> | undefined;
}

export interface AcquiredAcme {
  readonly certificates: readonly AcmeCertificates[];
  commit(): void;
}

/**
 * The ACME entries of one listener. They outlive edits elsewhere, and listeners with equal entries share them; only with
 * `onDemand` each listener has its own, since two functions cannot be compared. What is to be given back is added to
 * `keys`. Rejects with a TlsOptionsError.
 */
export async function acquireAcme(
  options: TlsProvisionOptions,
  at: number,
  keys: string[],
): Promise<AcquiredAcme> {
  const { config, resources, slot, acme: dependencies } = options;
  const certificates: AcmeCertificates[] = [];
  const commits: (() => void)[] = [];
  const listen = config.listen[at];
  for (const [index, entry] of (listen?.tls?.acme ?? []).entries()) {
    const owner = entry.hasOnDemand ? [listen?.host, listen?.port, at, index] : [];
    const digest = createHash("sha256")
      .update(JSON.stringify([entry, owner, config.dataDir]))
      .digest("hex");
    const key = `acme ${digest}`;
    const one = await resources.acquire(
      key,
      () =>
        AcmeCertificates.open({
          acme: entry,
          folder: join(config.dataDir, "acme"),
          board: dependencies.board,
          limits: dependencies.limits ?? {},
          log: options.log,
          describeError: options.describeError,
          clock: options.clock,
        }),
      async (made) => (await made).close(),
    );
    keys.push(key);
    certificates.push(one);
    const decide = config.onDemandFunctions[at]?.[index];
    commits.push(() => {
      if (decide !== undefined) {
        one.setOnDemand((name) => slot.runInBackground(() => decide(name)));
      }
      one.start();
    });
  }
  return {
    certificates,
    commit() {
      for (const commit of commits) commit();
    },
  };
}
