/** Text that makes careless patterns and readers start over at each character. */
export const UNITS: readonly string[] = [
  // Each of these has been slow once: something was looked for backwards from every place.
  "a*/(",
  "| a | id '",
  "for %a in ('a0;|",
  ...Array.from("'\"`(<>[{|&;/\\.:=#@$%-+* \n\0a1_,!~?\u00e9"),
  "../",
  "/*",
  "--",
  "$(",
  "${",
  "{{",
  "<a ",
  '<a x="',
  "<!--",
  "<?",
  "<%",
  "or ",
  "and ",
  "1=1 ",
  "select ",
  "union select ",
  "a=",
  "onload=",
  "&lt;",
  "%2e",
  "\r\n",
  "/d/",
  "0x",
  "'a",
  "a'b",
  "' or ",
  "http://",
  "document.",
  "javascript",
  "data:",
  "java.lang.",
  "for %a in (",
  "if ",
  "cat ",
  "[a]",
  "](",
  "a.",
  "$a[",
  "GET / HTTP/1",
  "\\u0027",
  "self.",
  "@{",
  "{{{",
  '{eval ="/{',
  "'a0;",
  "\nUSER a ",
  "\tonload",
  "$A[",
  "DB.",
  "import {",
  "<include ",
  "(ws:",
  "//a@",
  "%c0%ae",
  "${${",
  "{a,b",
  "cat${IFS}",
  "rO0AB",
  "a:1:{",
  "../../",
  "\\\\a",
  "1e1",
];

/** A unit over and over, and an end at which a match fails. */
export function filledText(unit: string, length: number): string {
  return `${unit.repeat(Math.ceil(length / unit.length)).slice(0, length)}'!`;
}

/** Several units after each other, the same ones in every run. */
export function mixedUnits(count: number): readonly string[] {
  let state = 1;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: 2 + next(3) }, () => UNITS[next(UNITS.length)]).join(""),
  );
}
