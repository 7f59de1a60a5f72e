import { expect } from "vitest";

export interface Metrics {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: ReadonlyMap<string, number>;
}

/** Asks the admin listener. */
export async function scrape(adminUrl: string | undefined): Promise<Metrics> {
  const response = await fetch(`${adminUrl}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  return parseMetrics(await response.text());
}

/** The text format, strictly: a line that is none of its kinds is an error. */
function parseMetrics(text: string): Metrics {
  const types = new Map<string, string>();
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("# HELP ")) continue;
    const type = /^# TYPE ([a-z_0-9]+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type !== null) {
      expect(types.has(type[1] as string), line).toBe(false);
      types.set(type[1] as string, type[2] as string);
      continue;
    }
    const sample = /^([a-z_0-9]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})?) (\S+)$/.exec(line);
    expect(sample, line).not.toBeNull();
    expect(samples.has(sample?.[1] as string), line).toBe(false);
    samples.set(sample?.[1] as string, Number(sample?.[2]));
  }
  return { types, samples };
}
