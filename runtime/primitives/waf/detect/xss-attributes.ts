// Attributes that run or load something although no browser calls them handlers: those of frameworks, and
// links that MathML, SVG and htmx follow by themselves.

const FRAMEWORK_HANDLER =
  /^(?:(?:@|v-on:|x-on:|(?:data-|x-)?ng-(?:on-)?|\(|on-|hx-on:{1,2})[a-z][a-z.:-]{2,30}\)?|x-(?:init|effect|html|data)|v-html)$/;
/** What a component has no need of: evaluation, the prototype, the window behind an event. */
const FRAMEWORK_CODE =
  /\b(?:constructor|__proto__|eval\s?\(|document\s?\.\s?(?:cookie|domain)|Function\s?\()|\$event\s?\.\s?(?:view|path|composedPath|target\.ownerDocument)|\.\s?(?:alert|eval)\s?(?:\(|`)/;

/** `ng-click`, `@click`, `v-on:click`, `x-on:click` that do more than to call what the page itself has. */
export function isFrameworkCode(name: string, code: string): boolean {
  return FRAMEWORK_HANDLER.test(name) && FRAMEWORK_CODE.test(code);
}

/** A formula that a link is to be taken for stands at the front of the value. */
const MATH_WITHIN = 2048;
const ELSEWHERE = /^\s{0,4}(?:https?:)?\/\//i;

/** What is loaded from another host: by htmx, by `<use>`, by a link around a formula. */
export function isForeignLink(name: string, url: string, element: string, value: string): boolean {
  if (name.startsWith("hx-")) return ELSEWHERE.test(url);
  if (name !== "xlink:href" || !ELSEWHERE.test(url)) return false;
  return (
    element === "use" ||
    element === "feimage" ||
    (element === "a" && value.slice(0, MATH_WITHIN).includes("<math"))
  );
}
