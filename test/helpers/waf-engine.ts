import { ANOMALY_RULES } from "../../runtime/primitives/waf/anomaly-rules.ts";
import { createWafEngine } from "../../runtime/primitives/waf/engine.ts";
import type { Inspection } from "../../runtime/primitives/waf/inspection.ts";
import { RULES } from "../../runtime/primitives/waf/rules/rules.ts";
import type { SuiteRequest } from "./waf-suites.ts";

const THRESHOLD = 5;
const ENGINE = createWafEngine({
  rules: [...ANOMALY_RULES, ...RULES],
  paranoia: 1,
  exclude: [],
  bounds: { maxValues: 100_000, maxDepth: 64, maxValueLength: 65_536 },
});

/** Whether our rules at paranoia 1 find enough in it to refuse it. */
export function isStoppedByEngine(request: SuiteRequest): boolean {
  return inspect(ENGINE, request).score >= THRESHOLD;
}

/** Rules and places that match in it. */
export function matchesOf(request: SuiteRequest): readonly string[] {
  return inspect(ENGINE, request).matches.map(({ rule, place }) => `${rule.id} ${place}`);
}

/** A whole request through an engine. */
export function inspect(
  engine: Pick<typeof ENGINE, "inspect">,
  { method, target, fields, content }: SuiteRequest,
): Inspection {
  const question = target.indexOf("?");
  const inspection = engine.inspect({
    method,
    protocol: "HTTP/1.1",
    rawPath: question === -1 ? target : target.slice(0, question),
    rawSearch: question === -1 ? "" : target.slice(question),
    fields: fields.flat(),
  });
  const type = fields.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  if (content !== undefined) inspection.inspectContent(content, type);
  return inspection;
}
