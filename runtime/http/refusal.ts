import type { ErrorCode } from "../errors.ts";

/** Why a message is refused: the row of the error table, and a sentence for the log (never for the client). */
export interface Refusal {
  readonly error: ErrorCode;
  readonly message: string;
}
