import type { ContentSource } from "../../http/content.ts";
import type { Coding } from "../../http/content-codings.ts";

/**
 * Coded forms of one stored content. Whoever stores it puts this on the response; each form is made once, in the
 * background, while the client that asked first is served by a coder of its own.
 */
export interface CodedVariants {
  get(coding: Coding): Uint8Array | undefined;
  /** For a client. */
  lend(bytes: Uint8Array): ContentSource;
  /** Whether the caller shall make this form. The store says no where it has no room, or where somebody makes it already. */
  claim(coding: Coding): boolean;
  /** What was claimed; `undefined` if it could not be made. */
  put(coding: Coding, bytes: Uint8Array | undefined): void;
}
