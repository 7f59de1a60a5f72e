/** A list's text as it came, in pieces: one string of many megabytes takes longer to make than a request may wait. */
export type ListText = readonly Uint8Array[];

const PIECE_BYTES = 65_536;

export function toListText(text: string): ListText {
  return [Buffer.from(text, "latin1")];
}

/** Byte for byte, as Latin-1: what matters in a list is ASCII. */
export function* piecesOf(text: ListText): Generator<string, void> {
  for (const bytes of text) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < buffer.length; at += PIECE_BYTES) {
      yield buffer.toString("latin1", at, at + PIECE_BYTES);
    }
  }
}
