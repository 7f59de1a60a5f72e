export interface PluginEntry {
  readonly path: readonly PropertyKey[];
  readonly value: unknown;
}

/** Entries of `plugins` in order: lists within lists opened, `false`, `null` and `undefined` left out. */
export function flattenPlugins(plugins: unknown): PluginEntry[] {
  const entries: PluginEntry[] = [];
  const visit = (list: readonly unknown[], path: readonly PropertyKey[], depth: number) => {
    for (const [index, value] of list.entries()) {
      if (value === false || value === null || value === undefined) continue;
      if (Array.isArray(value) && depth < 8) visit(value, [...path, index], depth + 1);
      else entries.push({ path: [...path, index], value });
    }
  };
  if (Array.isArray(plugins)) visit(plugins, ["plugins"], 0);
  return entries;
}
