/** The first cookie of that name (RFC 6265 §5.4 puts the most specific one first), or `undefined`. */
export function cookieValue(fields: readonly string[], name: string): string | undefined {
  for (let at = 0; at < fields.length; at += 2) {
    const field = fields[at] as string;
    if (field.length !== 6 || field.toLowerCase() !== "cookie") continue;
    for (const pair of (fields[at + 1] as string).split(";")) {
      const equals = pair.indexOf("=");
      if (equals !== -1 && pair.slice(0, equals).trim() === name) {
        return pair.slice(equals + 1).trim();
      }
    }
  }
  return undefined;
}
