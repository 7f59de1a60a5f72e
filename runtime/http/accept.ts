/**
 * Which of two error answers a client wants: RFC 9110 §12.5.1, as far as that question goes.
 */
import { splitList, splitParameters, trimOws } from "./field-syntax.ts";

/**
 * True for clients that name HTML and want it at least as much as JSON, as browsers do. Those that take anything (curl,
 * most libraries) or say nothing get JSON.
 */
export function prefersHtml(accept: string | undefined): boolean {
  // Linear, and only for those that can be browsers at all.
  if (accept === undefined || !/html/i.test(accept)) return false;
  let html = 0;
  let json = 0;
  for (const range of splitList(accept)) {
    const [name = "", ...parameters] = splitParameters(range);
    const quality = qualityOf(parameters);
    switch (name.toLowerCase()) {
      case "text/html":
      case "application/xhtml+xml":
        html = Math.max(html, quality);
        break;
      case "application/json":
      case "application/problem+json":
        json = Math.max(json, quality);
        break;
    }
  }
  return html > 0 && html >= json;
}

/** RFC 9110 §12.4.2: 1 unless given. A weight that is no number counts as 0: whoever wrote it did not ask for HTML. */
export function qualityOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    if (parameter.length < 2 || (parameter.charCodeAt(0) | 0x20) !== 0x71) continue;
    const equals = parameter.indexOf("=");
    if (equals === -1 || trimOws(parameter.slice(1, equals)) !== "") continue;
    const text = trimOws(parameter.slice(equals + 1));
    return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0;
  }
  return 1;
}
