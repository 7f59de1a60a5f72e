import type { Explanation, ExplainStep } from "../pipeline/explain.ts";
import type { Paint } from "./terminal.ts";

/** The steps as a tree: what happened, and under it why. */
export function formatExplanation({ method, url, steps }: Explanation, paint: Paint): string {
  const lines = [paint("bold", `${printable(method)} ${printable(url)}`)];
  const width = Math.max(0, ...steps.map((step) => step.phase.length));
  for (const [at, step] of steps.entries()) {
    const last = at === steps.length - 1;
    lines.push(
      `${last ? "└─" : "├─"} ${paint("cyan", step.phase.padEnd(width))}  ${styled(step, paint)}`,
    );
    const stem = last ? "  " : "│ ";
    for (const [i, detail] of step.details.entries()) {
      const branch = i === step.details.length - 1 ? "└" : "├";
      lines.push(`${stem} ${" ".repeat(width)}  ${paint("dim", `${branch} ${printable(detail)}`)}`);
    }
  }
  return lines.join("\n");
}

function styled(step: ExplainStep, paint: Paint): string {
  const text = printable(step.text);
  switch (step.outcome) {
    case "continued":
      return text;
    case "decided":
      return `${paint("green", "●")} ${text}`;
    case "failed":
      return `${paint("red", "✗")} ${text}`;
  }
}

/** Texts quote the request and the config: neither may drive the terminal. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what must be found
  return text.replaceAll(/[\u0000-\u001F\u007F-\u009F]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
