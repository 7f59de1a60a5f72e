import type { WafRule, WafSeverity } from "./rule.ts";
import type { Anomaly } from "./values.ts";

/**
 * What follows from {@link Anomaly}. Critical where the application may read something else than was inspected, or where
 * something was not inspected at all; otherwise the text was inspected as it stands, and the sign only adds to others.
 */
export const ANOMALY_RULES: readonly WafRule[] = [
  rule("charset", "critical", "A charset in which ASCII may be written in other ways"),
  rule("content-coding", "critical", "Content that is not in the coding that it names"),
  rule("content-too-large", "critical", "More content than is inspected"),
  rule("content-type-repeated", "critical", "Two types for one content"),
  rule("form-invalid", "critical", "A form with bytes that no form has"),
  rule("graphql-invalid", "warning", "A GraphQL document that cannot be read"),
  rule("json-depth", "critical", "JSON that is nested too deeply"),
  rule("json-duplicate-key", "warning", "JSON with a key twice: readers differ in which one holds"),
  rule("json-invalid", "warning", "Content that says it is JSON and is not"),
  rule("multipart-invalid", "critical", "A multipart form that two readers take apart differently"),
  rule("percent-invalid", "notice", "A percent sequence that is none, or is not UTF-8"),
  rule("too-long", "critical", "An inspection that takes longer than it may"),
  rule("too-many-values", "critical", "More values than are inspected"),
  rule("value-too-long", "critical", "A value longer than is inspected"),
  rule("xml-doctype", "warning", "XML with a document type"),
  rule("xml-invalid", "warning", "XML that cannot be read"),
];

function rule(name: Anomaly, severity: WafSeverity, message: string): WafRule {
  return {
    id: `anomaly-${name}`,
    message,
    severity,
    tags: ["anomaly", "attack-protocol"],
    variables: [`ANOMALIES:${name}`],
    operator: { rx: /^/ },
  };
}
