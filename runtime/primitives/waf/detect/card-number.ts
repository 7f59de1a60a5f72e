import type { Finding } from "./finding.ts";
import { isDigitCode } from "./characters.ts";

/** A number of 13 to 19 digits in a card's ranges whose check digit is right (ISO/IEC 7812-1). */
export function detectCardNumber(value: string): Finding | undefined {
  let start = -1;
  let digits = "";
  for (let at = 0; at <= value.length; at++) {
    const code = at < value.length ? value.charCodeAt(at) : 0;
    if (isDigitCode(code)) {
      if (start < 0) start = at;
      if (digits.length < 20) digits += value[at];
      continue;
    }
    // One blank or hyphen between groups.
    if (start >= 0 && (code === 0x20 || code === 0x2d) && isDigitCode(value.charCodeAt(at + 1)))
      continue;
    if (start >= 0 && isCard(digits)) return { sign: "card-number", start, end: at };
    start = -1;
    digits = "";
  }
  return undefined;
}

function isCard(digits: string): boolean {
  if (
    !/^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d)\d{12,15}|35\d{14})$/.test(
      digits,
    )
  )
    return false;
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    let digit = digits.charCodeAt(digits.length - 1 - index) - 0x30;
    if (index % 2 === 1) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 === 0;
}
