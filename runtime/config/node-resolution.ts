import { build } from "esbuild";
import type { ImportKind } from "esbuild";

/** Resolves as Node itself would: without the source condition. `undefined` if Node would not find it. */
export type NodeResolution = (
  specifier: string,
  kind: ImportKind,
  resolveDir: string,
) => Promise<string | undefined>;

/**
 * Second opinion for packages whose `@gatewright/source` entry is not there (packed packages carry no sources).
 *
 * `require.resolve` would be nearer at hand, but it knows only the `require` condition: a package with nothing but
 * `import` in its `exports` cannot be found with it. Answers are kept: such packages stay outside the bundle, so a new
 * version of one needs a restart anyway.
 */
export function createNodeResolution(): NodeResolution {
  const found = new Map<string, string>();
  return async (specifier, kind, resolveDir) => {
    const key = JSON.stringify([specifier, kind, resolveDir]);
    const known = found.get(key);
    if (known !== undefined) return known;
    const path = await resolveOnce(specifier, kind, resolveDir);
    if (path !== undefined && found.size < 10_000) found.set(key, path);
    return path;
  };
}

async function resolveOnce(
  specifier: string,
  kind: ImportKind,
  resolveDir: string,
): Promise<string | undefined> {
  let path: string | undefined;
  // Conditions are fixed for a whole build, so asking with others takes a build of its own (an empty one).
  await build({
    stdin: { contents: "", resolveDir },
    write: false,
    platform: "node",
    conditions: ["node"],
    logLevel: "silent",
    plugins: [
      {
        name: "gatewright:node-resolution",
        setup(instance) {
          instance.onStart(async () => {
            const result = await instance.resolve(specifier, { kind, resolveDir });
            if (result.errors.length === 0 && result.namespace === "file" && !result.external) {
              path = result.path;
            }
          });
        },
      },
    ],
  });
  return path;
}
