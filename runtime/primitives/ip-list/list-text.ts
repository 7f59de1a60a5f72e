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

/** Without the first line, which is returned; `undefined` if the first part has no end of a line. */
export function splitFirstLine(text: ListText): { line: string; rest: ListText } | undefined {
  const [first, ...others] = text;
  const end = first?.indexOf(10) ?? -1;
  if (first === undefined || end === -1) return undefined;
  const line = Buffer.from(first.subarray(0, end)).toString("latin1");
  return { line, rest: [first.subarray(end + 1), ...others] };
}
