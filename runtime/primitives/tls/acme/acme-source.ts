import type { CertificatePair } from "../certificate-pair.ts";
import type { CertificateSource, LookedUpNames } from "../certificate-source.ts";
import type { ChallengeBoard } from "./challenge-board.ts";
import type { OnDemandNames } from "./on-demand-names.ts";

/** What a source shows of. */
export interface SourceOwner {
  readonly pairs: readonly CertificatePair[];
  refresh(): Promise<void>;
}

/** ACME certificates as one listener sees them: several may serve from the same. */
export class AcmeSource implements CertificateSource {
  onChange: (() => void) | null = null;
  readonly renewsItself = true;
  /** Absent unless names are decided on demand: whoever asks then knows that nothing more is to come. */
  readonly find?: (
    name: string,
  ) => CertificatePair | undefined | Promise<CertificatePair | undefined>;
  readonly lookedUp?: () => LookedUpNames;
  readonly #owner: SourceOwner;
  readonly #board: ChallengeBoard;
  readonly #onClose: (source: AcmeSource) => void;

  constructor(
    owner: SourceOwner,
    board: ChallengeBoard,
    onDemand: OnDemandNames | undefined,
    onClose: (source: AcmeSource) => void,
  ) {
    this.#owner = owner;
    this.#board = board;
    this.#onClose = onClose;
    if (onDemand === undefined) return;
    this.find = (name) => onDemand.find(name);
    this.lookedUp = () => onDemand.lookedUp();
  }

  get pairs(): readonly CertificatePair[] {
    return this.#owner.pairs;
  }

  challenge(name: string): CertificatePair | undefined {
    return this.#board.certificateFor(name);
  }

  refresh(): Promise<void> {
    return this.#owner.refresh();
  }

  close(): void {
    this.#onClose(this);
  }
}
