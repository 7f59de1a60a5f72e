import { readFrame, readSource } from "./code-frame.ts";
import type { ConfigIssue } from "./issue.ts";
import { createOptionPlaces } from "./option-place.ts";
import { parsePath } from "./option-path.ts";

/** Shows where the options stand that issues name, for as far as that is certain: what only comes out later knows no places. */
export function withPlaces(issues: readonly ConfigIssue[], file: string): readonly ConfigIssue[] {
  if (issues.every(({ path, place }) => path === "" || place !== undefined)) return issues;
  const places = createOptionPlaces(file, readSource(file) ?? "");
  return issues.map((issue) => {
    if (issue.path === "" || issue.place !== undefined) return issue;
    const path = parsePath(issue.path);
    const place = path === undefined ? undefined : places.find(path);
    if (place === undefined) return issue;
    const frame = readFrame(place);
    return { ...issue, place, ...(frame === undefined ? {} : { frame }) };
  });
}
