import { fixtureTexts, type FixtureText } from "./fixture-texts.ts";

/** The values that no rule may stop. */
export function honestTexts(): readonly FixtureText[] {
  return fixtureTexts("honest");
}
