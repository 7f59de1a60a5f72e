/** What the side that makes tokens and the side that checks them agree on. */
export const ISSUER = "https://id.example";
export const AUDIENCE = "gatewright-example";

/** RFC 7518 §3.2: a key for HS256 has at least 256 bits. */
export function loadKey(secret: string | undefined): Uint8Array {
  const key = new TextEncoder().encode(secret ?? "");
  if (key.length < 32) throw new Error("Set JWT_SECRET to a text of at least 32 characters.");
  return key;
}
