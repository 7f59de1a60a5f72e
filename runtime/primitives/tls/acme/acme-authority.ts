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

  /**
   * `turn` says which challenge comes first: a firewall or a CDN may stand in the way of one of them. Rejects with an
   * AcmeError, or with whatever the disk says. Only under the lock: it may make the account.
   */
  async obtain(
    names: readonly string[],
    turn: number,
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
    const at = turn % acme.challenges.length;
    const challenges = [...acme.challenges.slice(at), ...acme.challenges.slice(0, at)];
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
