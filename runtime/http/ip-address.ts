/**
 * IP addresses as words, without allocation: for tables and counters that every request asks. Takes the canonical forms
 * and everything else that `net.isIP` takes; IPv4-mapped IPv6 (RFC 4291 §2.5.5.2) is IPv4, zones are cut (RFC 4007 §11).
 */

/** Where `parseIp` puts its result: an IPv4 address in the first word, IPv6 in all four. */
export type IpWords = Uint32Array;

export const NO_IP = 0;
export const IPV4 = 4;
export const IPV6 = 6;

export type IpFamily = typeof NO_IP | typeof IPV4 | typeof IPV6;

const COLON = 58;
const DOT = 46;
const PERCENT = 37;
const MAX_LENGTH = 64;

/** The family, or 0 if the text is no address; `words` is then undefined in content. */
export function parseIp(text: string, words: IpWords): IpFamily {
  if (text.length > MAX_LENGTH) return NO_IP;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COLON) return parseIpv6(text, words);
    if (code === DOT) return parseIpv4(text, 0, text.length, words, 0) ? IPV4 : NO_IP;
  }
  return NO_IP;
}

const holder = new Uint32Array(4);

/**
 * Whom an address belongs to, as the key of a table: IPv6 by its /64, since whoever has one address there has them all
 * (RFC 4291 §2.5.4). What is no address is its own key.
 */
export function addressHolder(address: string): number | string {
  const family = parseIp(address, holder);
  if (family === NO_IP) return address;
  return family === IPV4 ? (holder[0] as number) : `${holder[0]} ${holder[1]}`;
}

/** Clears what lies beyond the first `bits`. */
export function maskIp(words: IpWords, family: IpFamily, bits: number): void {
  const count = family === IPV4 ? 1 : 4;
  for (let at = 0; at < count; at++) {
    words[at] = ((words[at] as number) & maskWord(bits - at * 32)) >>> 0;
  }
}

/** The mask of one word for a prefix that reaches `bits` into it. */
export function maskWord(bits: number): number {
  if (bits >= 32) return 0xff_ff_ff_ff;
  return bits <= 0 ? 0 : (0xff_ff_ff_ff << (32 - bits)) >>> 0;
}

/** Decimal without leading zeros only: octal and shortened forms name other hosts to other programs. */
function parseIpv4(text: string, from: number, to: number, words: IpWords, into: number): boolean {
  let value = 0;
  let parts = 0;
  let part = -1;
  for (let at = from; at <= to; at++) {
    const code = at === to ? DOT : text.charCodeAt(at);
    if (code === DOT) {
      if (part === -1 || part > 255 || parts === 4) return false;
      value = value * 256 + part;
      parts += 1;
      part = -1;
    } else if (code >= 48 && code <= 57) {
      if (part === 0) return false;
      part = (part === -1 ? 0 : part * 10) + code - 48;
      if (part > 255) return false;
    } else return false;
  }
  if (parts !== 4) return false;
  words[into] = value;
  return true;
}

const groups = new Uint16Array(8);

function parseIpv6(text: string, words: IpWords): IpFamily {
  let end = text.length;
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) === PERCENT) {
      end = at;
      break;
    }
  }
  let count = 0;
  let gap = -1;
  let at = 0;
  if (end >= 2 && text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return NO_IP;
    gap = 0;
    at = 2;
  }
  while (at < end) {
    const start = at;
    let value = 0;
    let code = 0;
    while (at < end && (code = text.charCodeAt(at)) !== COLON && code !== DOT) {
      const digit = hexDigit(code);
      if (digit === -1 || at - start === 4) return NO_IP;
      value = value * 16 + digit;
      at += 1;
    }
    if (at < end && code === DOT) {
      if (count > 6 || !parseIpv4(text, start, end, words, 0)) return NO_IP;
      groups[count++] = (words[0] as number) >>> 16;
      groups[count++] = (words[0] as number) & 0xff_ff;
      at = end;
      break;
    }
    if (at === start || count === 8) return NO_IP;
    groups[count++] = value;
    if (at === end) break;
    at += 1;
    if (at === end) return NO_IP;
    if (text.charCodeAt(at) === COLON) {
      if (gap !== -1) return NO_IP;
      gap = count;
      at += 1;
    }
  }
  if (gap === -1 ? count !== 8 : count > 7) return NO_IP;
  if (gap !== -1) spread(count, gap);
  for (let word = 0; word < 4; word++) {
    words[word] = (((groups[word * 2] as number) << 16) | (groups[word * 2 + 1] as number)) >>> 0;
  }
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xff_ff) {
    words[0] = words[3] as number;
    return IPV4;
  }
  return IPV6;
}

/** What follows the `::` goes to the end, zeros between. */
function spread(count: number, gap: number): void {
  const moved = count - gap;
  for (let at = 0; at < moved; at++) groups[7 - at] = groups[count - 1 - at] as number;
  for (let at = gap; at < 8 - moved; at++) groups[at] = 0;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
