import { types } from "node:util";

import type { ImportView } from "./package-rule.ts";

/** What a package's entry turned out to be, for messages about its default export. */
export interface PackageShape {
  readonly view: ImportView;
  readonly shape: "es-module" | "commonjs" | "commonjs-with-es-module-mark";
  readonly hasDefault: boolean;
  readonly names: readonly string[];
  /** Somebody has asked for a default export that is not there. */
  defaultMissed: boolean;
}

type Exports = Readonly<Record<string, unknown>>;

/**
 * A loaded module as an ES importer sees it: an object marked `__esModule` with `default` and named exports.
 *
 * Node's rule: the default export of CommonJS is always `module.exports`. Compilers' rule, for files that are no ES
 * modules themselves: with `__esModule` it is `exports.default`. TypeScript types imports by the same two rules.
 */
export function importView(
  loaded: unknown,
  view: ImportView,
): { exports: Exports; shape: PackageShape } {
  const names =
    typeof loaded === "object" || typeof loaded === "function" ? Object.keys(loaded ?? {}) : [];
  const isEsModule = types.isModuleNamespaceObject(loaded);
  const marked = !isEsModule && isMarked(loaded);
  const useOwnDefault = isEsModule || (marked && view === "babel");
  const seen: Record<string, unknown> = {};
  Object.defineProperty(seen, "__esModule", { value: true });
  for (const name of names) {
    if (name === "__esModule" || (name === "default" && !useOwnDefault)) continue;
    // Exports are live bindings: a module may assign to them later.
    Object.defineProperty(seen, name, { get: () => (loaded as Exports)[name], enumerable: true });
  }
  if (!useOwnDefault) Object.defineProperty(seen, "default", { value: loaded, enumerable: true });
  const hasDefault = names.includes("default");
  const shape: PackageShape = {
    view,
    shape: isEsModule ? "es-module" : marked ? "commonjs-with-es-module-mark" : "commonjs",
    hasDefault,
    names: names.filter((name) => name !== "__esModule"),
    defaultMissed: false,
  };
  if (isEsModule && !hasDefault) {
    // Not there for those who look, as in Node; who takes it all the same is remembered.
    Object.defineProperty(seen, "default", {
      get: () => void (shape.defaultMissed = true),
      enumerable: false,
    });
  }
  return { exports: seen, shape };
}

/** Why `import x from "NAME"` may not give what was meant, or `undefined` if the package's shape is plain. */
export function explainShape(name: string, shape: PackageShape): string | undefined {
  const named = shape.names
    .filter((one) => one !== "default")
    .slice(0, 5)
    .join(", ");
  switch (shape.shape) {
    case "es-module":
      if (shape.hasDefault) return undefined;
      return named === ""
        ? `The package "${name}" is an ES module that exports nothing.`
        : `The package "${name}" is an ES module without a default export; it exports: ${named}. Write import { … } from "${name}".`;
    case "commonjs-with-es-module-mark":
      if (shape.view === "babel") return undefined;
      return `The package "${name}" is CommonJS with "exports.default": its default import in an ES module is the whole module, so use NAME.default.`;
    case "commonjs":
      return undefined;
  }
}

function isMarked(loaded: unknown): boolean {
  return (
    ((typeof loaded === "object" && loaded !== null) || typeof loaded === "function") &&
    "__esModule" in loaded &&
    loaded.__esModule === true
  );
}
