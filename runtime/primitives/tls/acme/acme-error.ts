/** Why the CA gave no certificate. */
export class AcmeError extends Error {
  /** Equal kinds are the same state: it is logged once. */
  readonly kind: AcmeErrorKind;
  /** When the CA wants to be asked again at the earliest. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: AcmeErrorKind,
    message: string,
    options: { readonly retryAfterMs?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "AcmeError";
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * `unreachable`: no answer, or one that makes no sense. `busy`: 5xx, for every order alike. `limited`: this order came
 * too soon. `refused`: the CA will not do it. `challenge`: it could not verify that the name is ours. `local`: it is us.
 */
export type AcmeErrorKind = "local" | "unreachable" | "busy" | "limited" | "refused" | "challenge";

/** What any code threw, as one of ours. */
export function toAcmeError(error: unknown): AcmeError {
  if (error instanceof AcmeError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new AcmeError("local", message, { cause: error });
}
