/** Media types: RFC 9110 §8.3.1, parameters §5.6.6. */
import { isToken, splitParameters, trimOws, unquote } from "./field-syntax.ts";

export interface MediaType {
  /** `type/subtype`, lower case. */
  readonly essence: string;
  readonly type: string;
  readonly subtype: string;
  /** Lower case; of several, the first. Compare {@link parameters} where two must not differ. */
  readonly charset: string | undefined;
  /** In order, names in lower case, values unquoted; duplicates kept. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** Takes a Content-Type value apart, or `undefined` if it names no media type. Malformed parameters are left out. */
export function parseMediaType(value: string): MediaType | undefined {
  const essence = mediaTypeEssence(value);
  if (essence === undefined) return undefined;
  const slash = essence.indexOf("/");
  const semicolon = value.indexOf(";");
  const parameters: (readonly [string, string])[] = [];
  let charset: string | undefined;
  if (semicolon !== -1) {
    for (const text of splitParameters(value.slice(semicolon + 1))) {
      const equals = text.indexOf("=");
      // RFC 9110 §5.6.6: no whitespace around "=".
      const name = equals === -1 ? "" : text.slice(0, equals).toLowerCase();
      if (!isToken(name)) continue;
      const parameter = unquote(text.slice(equals + 1));
      parameters.push([name, parameter]);
      if (name === "charset") charset ??= parameter.toLowerCase();
    }
  }
  return {
    essence,
    type: essence.slice(0, slash),
    subtype: essence.slice(slash + 1),
    charset,
    parameters,
  };
}

/** `type/subtype` in lower case without looking at parameters, or `undefined` if there is none. */
export function mediaTypeEssence(value: string): string | undefined {
  const semicolon = value.indexOf(";");
  const essence = trimOws(semicolon === -1 ? value : value.slice(0, semicolon)).toLowerCase();
  const slash = essence.indexOf("/");
  if (slash === -1 || !isToken(essence.slice(0, slash)) || !isToken(essence.slice(slash + 1))) {
    return undefined;
  }
  return essence;
}
