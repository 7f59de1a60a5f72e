/**
 * Attacks and honest requests that were written down by somebody who had never seen the rules: an estimate of how the
 * rules do with what is unknown. Texts stand in one of the places of their list by turns, under headings such as
 * `@ family place place`; line ends, tabs and blanks at an end are written as their pictures. Whole requests begin with
 * `# family id`.
 */
import { fixtureTexts } from "./fixture-texts.ts";
import { PLACES, type PlaceName } from "./waf-places.ts";
import type { SuiteRequest } from "./waf-suites.ts";
import { wholeRequest } from "./waf-traffic.ts";

const PICTURES: Readonly<Record<string, string>> = {
  "␀": "\0",
  "␉": "\t",
  "␊": "\n",
  "␌": "\f",
  "␍": "\r",
  "␠": " ",
};

export function blindRequests(kind: "attacks" | "honest"): readonly SuiteRequest[] {
  const isAttack = kind === "attacks";
  let family = "";
  let places: readonly PlaceName[] = [];
  let turn = 0;
  return fixtureTexts(`blind-${kind}`).flatMap(({ file, text }) => {
    if (file.endsWith(".http")) {
      const end = text.indexOf("\n");
      const [, name = "", ...id] = text.slice(0, end).split(" ");
      return [{ ...wholeRequest(text.slice(end + 1)), family: name, id: id.join(" "), isAttack }];
    }
    if (text.startsWith("@ ")) {
      const [, name = "", ...rest] = text.split(" ");
      family = name;
      places = rest as PlaceName[];
      turn = 0;
      return [];
    }
    const value = text.replace(/[␀-␠]/gu, (picture) => PICTURES[picture] ?? picture);
    const place = places[turn++ % places.length] as PlaceName;
    const placed = placedAt(place, value, isAttack) ?? placedAt("query", value, isAttack);
    return placed === undefined ? [] : [{ ...placed, family, id: `${place} ${text}`, isAttack }];
  });
}

/** Percent sequences that an attack holds are there to be decoded; an honest client escapes the sign. */
function placedAt(
  place: PlaceName,
  value: string,
  isAttack: boolean,
): ReturnType<(typeof PLACES)[PlaceName]> {
  const isInUrl = ["query", "form", "cookie", "path"].includes(place);
  if (isAttack) {
    return isInUrl || !/%[\da-f]{2}/i.test(value) ? PLACES[place](value) : undefined;
  }
  return PLACES[place](isInUrl ? encodeURIComponent(value) : value);
}
