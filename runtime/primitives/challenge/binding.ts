import { IPV4, maskIp, NO_IP, parseIp } from "../../http/ip-address.ts";

export interface BindingRule {
  readonly ipv4: number;
  readonly ipv6: number;
  readonly userAgent: boolean;
}

const LONGEST_AGENT = 1024;
const words = new Uint32Array(4);

/** What a ticket or a clearance belongs to, as a text. No two clients of different parts have the same. */
export function bindingOf(
  rule: BindingRule,
  address: string,
  userAgent: string | undefined,
  settings: string,
): string {
  const agent = rule.userAgent ? (userAgent ?? "").slice(0, LONGEST_AGENT) : "";
  return `${settings}\n${networkOf(rule, address)}\n${agent}`;
}

function networkOf(rule: BindingRule, address: string): string {
  const family = parseIp(address, words);
  if (family === NO_IP) return address;
  maskIp(words, family, family === IPV4 ? rule.ipv4 : rule.ipv6);
  return family === IPV4 ? `4 ${words[0]}` : `6 ${words.join(" ")}`;
}
