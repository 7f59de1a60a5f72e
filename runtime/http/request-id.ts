/**
 * Request ids. Unique over processes and worker threads, not secret: a random start drawn once for each copy of this
 * module (one a thread), then a count. 22 characters of `[0-9a-z]`.
 */
const MAX_LENGTH = 128;
const PREFIX_LENGTH = 14;
const BLOCK_LENGTH = 6;
const BLOCK_SIZE = 1296;
const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

const ALLOWED: Uint8Array = new Uint8Array(128);
for (const char of `${ALPHABET}${ALPHABET.toUpperCase()}._-`) ALLOWED[char.charCodeAt(0)] = 1;

/** The last two characters, made once: an id costs one concatenation instead of a number conversion. */
const LAST_TWO: readonly string[] = Array.from(
  { length: BLOCK_SIZE },
  (_, at) => (ALPHABET[Math.floor(at / 36)] as string) + (ALPHABET[at % 36] as string),
);

const prefix = randomText(PREFIX_LENGTH);
let block = -1;
let inBlock = BLOCK_SIZE;
let start = "";

export function createRequestId(): string {
  if (inBlock === BLOCK_SIZE) {
    inBlock = 0;
    block += 1;
    start = prefix + block.toString(36).padStart(BLOCK_LENGTH, "0");
  }
  return start + (LAST_TWO[inBlock++] as string);
}

/** Whether an id that somebody sent may go on into logs, fields and file names: 1 to 128 of `[A-Za-z0-9._-]`. */
export function isRequestId(text: string): boolean {
  if (text.length === 0 || text.length > MAX_LENGTH) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127 || ALLOWED[code] === 0) return false;
  }
  return true;
}

function randomText(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) {
      // 252 is the largest multiple of 36 in a byte: beyond it the first characters would come up more often.
      if (byte < 252) text += ALPHABET[byte % 36] as string;
    }
  }
  return text.slice(0, length);
}
