/**
 * Names that a client can ask for in TLS: RFC 6066 §3 (a DNS host name in ASCII, no trailing dot, no address), compared
 * without regard to case. Certificates name hosts by RFC 9525 §6.3: in full, or with `*` for exactly one first label.
 */
import { domainToASCII } from "node:url";

const MAX_NAME_LENGTH = 253;

/**
 * The name as it is looked up, or `undefined` for what is no host name. Hooks make file names of it, so nothing but
 * letters, digits, hyphens, underscores and single dots may pass.
 */
export function toServerName(sent: string): string | undefined {
  const name = (sent.endsWith(".") ? sent.slice(0, -1) : sent).toLowerCase();
  return isHostName(name) ? name : undefined;
}

/** A name from a config or certificate: `*.` allowed, international names in their ASCII form (RFC 5890). */
export function toCoveredName(written: string): string | undefined {
  const wildcard = written.startsWith("*.") ? "*." : "";
  const rest = written.slice(wildcard.length);
  const plain = rest.endsWith(".") ? rest.slice(0, -1) : rest;
  if (plain === "" || /[\s/\\?#@:%[\]*]/.test(plain)) return undefined;
  const ascii = domainToASCII(plain);
  return isHostName(ascii) ? wildcard + ascii : undefined;
}

/** `*.example.test` for `a.example.test`; `undefined` where there is no label to stand for. */
export function wildcardOf(name: string): string | undefined {
  const dot = name.indexOf(".");
  return dot === -1 ? undefined : `*${name.slice(dot)}`;
}

function isHostName(name: string): boolean {
  if (name === "" || name.length > MAX_NAME_LENGTH) return false;
  let labelLength = 0;
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code === DOT) {
      if (labelLength === 0) return false;
      labelLength = 0;
      continue;
    }
    labelLength += 1;
    if (labelLength > 63 || !isLabelCode(code)) return false;
  }
  return labelLength > 0;
}

const DOT = 0x2e;

function isLabelCode(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x5f
  );
}
