import type { Seal } from "./seal.ts";

/** One challenge on its way through the client: who set it, how hard it is, and where the client wanted to go. */
export interface Ticket {
  /** Spent with its solution. */
  readonly id: string;
  readonly difficulty: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly returnTo: string;
}

const LONGEST = 24 * 1024;

/** Nothing is kept here until a ticket is spent: it travels, sealed. */
export function sealTicket(seal: Seal, ticket: Ticket, binding: string): string {
  const parts = [ticket.id, ticket.difficulty, ticket.issuedAt, ticket.expiresAt, ticket.returnTo];
  return seal.seal(Buffer.from(JSON.stringify(parts)).toString("base64url"), binding);
}

/** `undefined` for what is not ours or not theirs. Whether it is too old is for the caller to say. */
export function openTicket(seal: Seal, text: string, binding: string): Ticket | undefined {
  if (text.length > LONGEST) return undefined;
  const payload = seal.open(text, binding);
  if (payload === undefined) return undefined;
  const [id, difficulty, issuedAt, expiresAt, returnTo] = JSON.parse(
    Buffer.from(payload, "base64url").toString(),
  ) as [string, number, number, number, string];
  return { id, difficulty, issuedAt, expiresAt, returnTo };
}
