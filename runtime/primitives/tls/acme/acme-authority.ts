import { createPrivateKey } from "node:crypto";

import type { AcmeOptions } from "./acme-options.ts";
import type { ChallengePublisher } from "./challenge-board.ts";
import { createAccountKey } from "./credentials.ts";
import { obtainCertificate, type ObtainedCertificate } from "./order.ts";
import { AcmeSession } from "./session.ts";
import type { AcmeStore } from "./store.ts";
import type { AcmeTransport } from "./transport.ts";

export interface AcmeAuthorityOptions {
  readonly acme: AcmeOptions;
  readonly store: AcmeStore;
  readonly transport: AcmeTransport;
  readonly publisher: ChallengePublisher;
  readonly now: () => number;
  readonly pollMs: number;
}

/** The CA as one account of ours sees it. */
export class AcmeAuthority {
  readonly #options: AcmeAuthorityOptions;

  constructor(options: AcmeAuthorityOptions) {
    this.#options = options;
  }

  /** Rejects with an AcmeError, or with whatever the disk says. Only under the lock: it may make the account. */
  async obtain(
    names: readonly string[],
    failures: number,
    signal: AbortSignal,
  ): Promise<ObtainedCertificate> {
    const { acme, transport, publisher, now, pollMs } = this.#options;
    const session = new AcmeSession({
      directoryUrl: acme.directory,
      accountKey: createPrivateKey(await this.#accountKey()),
      transport,
      signal,
      now,
    });
    await session.openAccount(acme);
    // After a failure the other way comes first: a firewall or a CDN may stand in one of them.
    const turn = failures % acme.challenges.length;
    const challenges = [...acme.challenges.slice(turn), ...acme.challenges.slice(0, turn)];
    return obtainCertificate({ session, names, challenges, publisher, signal, now, pollMs });
  }

  async #accountKey(): Promise<string> {
    const { store } = this.#options;
    const known = await store.readAccountKey();
    if (known !== undefined) return known;
    const key = createAccountKey();
    await store.writeAccountKey(key);
    return key;
  }
}
