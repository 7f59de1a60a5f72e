import type { ValueSink } from "../values.ts";

const TOKEN =
  /"""((?:[^"\\]|\\"""|\\|"(?!""))*)"""|"((?:[^"\\\n]|\\.)*)"|([A-Za-z_]\w*)|(#[^\n]*)|([{}()[\]])|[\s\S]/g;

/** Strings and names of a GraphQL document. Strings are where an attack on a resolver is. */
export function readGraphql(text: string, sink: ValueSink): boolean {
  let depth = 0;
  for (const [, block, string, name, , bracket] of text.matchAll(TOKEN)) {
    if (sink.isFull) return true;
    if (name !== undefined) sink.value("GRAPHQL_NAMES", "", name);
    else if (block !== undefined) sink.value("GRAPHQL", "", block);
    else if (string !== undefined) sink.value("GRAPHQL", "", unescaped(string));
    else if (bracket !== undefined) {
      depth += "{([".includes(bracket) ? 1 : -1;
      if (depth > sink.bounds.maxDepth || depth < 0) {
        sink.anomaly("graphql-invalid", "depth");
        return false;
      }
    }
  }
  if (depth === 0) return true;
  sink.anomaly("graphql-invalid", "");
  return false;
}

function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
