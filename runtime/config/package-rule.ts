import { isBuiltin } from "node:module";
import { dirname, join, resolve } from "node:path";

import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from "esbuild";

import { createNodeResolution } from "./node-resolution.ts";
import type { NodeResolution } from "./node-resolution.ts";
import {
  installedPackageOf,
  isEsModuleFile,
  isInstalled,
  packageNameOf,
  visiblePackageDir,
} from "./package-files.ts";

/** What the rule tells the compiler about one build. */
export interface PackageRuleTarget {
  /** Packages that `gatewright.bundle` lists: bundled wherever they lie. */
  isForced(name: string): boolean;
  /** A package that stays outside the bundle. */
  onExternal(found: { readonly name: string; readonly dir: string; readonly entry: string }): void;
  /** Path by which a bundled file is reached, links not followed: a link swapped on it changes the bundle. */
  onAlias(path: string): void;
}

/** Prefix of external imports in the bundle: `gatewright-import:node:/path` asks for Node's view of a module. */
export const IMPORT_PREFIX = "gatewright-import:";

/** How the default export of a CommonJS module is read: as Node does from ES modules, or as compilers do by `__esModule`. */
export type ImportView = "node" | "babel";

const VIEW_NAMESPACES: Readonly<Record<ImportView, string>> = {
  node: "gatewright-package-node",
  babel: "gatewright-package-babel",
};

/** Ending of the bridge modules' paths: by an `.mjs` esbuild would take them for ES modules of Node, and change `default`. */
const BRIDGE = ".bridge.js";

const LOCAL = /^(?:\.{1,2}(?:[/\\]|$)|[/\\]|[A-Za-z]:[/\\])/;
const URL_SCHEME = /^[a-z][a-z+.-]+:/i;
const TYPESCRIPT = /\.[cm]?tsx?$/;
const LOADABLE_BY_NODE = /(?:\.[cm]?js|\.json|\.node|[/\\][^./\\]+)$/;
/** Marks resolutions that the rule itself asks esbuild for. */
const OWN_QUESTION = Symbol("gatewright:own-question");

/**
 * Decides for each import whether its code is part of the bundle.
 *
 * Files of the project and packages whose *real* path lies outside `node_modules` (workspaces, linked packages) are
 * bundled and so reload with the config. Installed packages stay outside: bundling them would run stateful ones again on
 * each reload and break those with native or wasm files beside them.
 */
export function packageRule(target: PackageRuleTarget): Plugin {
  const resolveAsNode = createNodeResolution();
  return {
    name: "gatewright:package-rule",
    setup(build) {
      build.onResolve({ filter: /.*/ }, (args) => {
        if (args.pluginData === OWN_QUESTION || args.kind === "entry-point") return undefined;
        if (args.path.startsWith(IMPORT_PREFIX)) return { path: args.path, external: true };
        if (isBuiltin(args.path)) {
          return {
            path: args.path.startsWith("node:") ? args.path : `node:${args.path}`,
            external: true,
          };
        }
        if (LOCAL.test(args.path)) return resolveLocal(args, target);
        if (URL_SCHEME.test(args.path)) return refuseUrl(args);
        return resolveBare(build, args, target, resolveAsNode);
      });
      for (const view of ["node", "babel"] as const) {
        build.onLoad({ filter: /.*/, namespace: VIEW_NAMESPACES[view] }, (args) => {
          // An ES module in between: esbuild would otherwise decide by the *importer* what `default` means, and hand
          // the whole namespace of an ES module to `import x from` (the `mod.default.default` of many reports).
          const specifier = JSON.stringify(
            `${IMPORT_PREFIX}${view}:${args.path.slice(0, -BRIDGE.length)}`,
          );
          return {
            contents: `export * from ${specifier}; export { default } from ${specifier};`,
            loader: "js",
          };
        });
      }
    },
  };
}

function resolveLocal(args: OnResolveArgs, target: PackageRuleTarget): OnResolveResult | undefined {
  const path = resolve(args.resolveDir, args.path);
  if (path.endsWith(".node")) return { path, external: true };
  target.onAlias(path);
  return undefined;
}

function refuseUrl(args: OnResolveArgs): OnResolveResult | undefined {
  if (/^(?:data|file):/i.test(args.path)) return undefined;
  return {
    errors: [
      {
        text: `Modules cannot be imported by URL: ${JSON.stringify(args.path)}`,
        detail: { fix: "Install it as a package, or copy the file into the project." },
      },
    ],
  };
}

async function resolveBare(
  build: PluginBuild,
  args: OnResolveArgs,
  target: PackageRuleTarget,
  resolveAsNode: NodeResolution,
): Promise<OnResolveResult | undefined> {
  const name = packageNameOf(args.path);
  const visible = name === undefined ? undefined : visiblePackageDir(name, args.resolveDir);
  const found = await build.resolve(args.path, {
    kind: args.kind,
    resolveDir: args.resolveDir,
    importer: args.importer,
    pluginData: OWN_QUESTION,
    with: args.with,
  });
  const bySource = found.errors.length === 0 && found.namespace === "file" ? found.path : undefined;
  if (bySource !== undefined && isBundled(bySource, name, args.importer, target)) {
    if (visible !== undefined) {
      target.onAlias(visible);
      target.onAlias(join(visible, "package.json"));
    }
    return undefined;
  }
  let path = bySource;
  if (path === undefined || TYPESCRIPT.test(path)) {
    const byNode = await resolveAsNode(args.path, args.kind, args.resolveDir);
    // Nothing found either way: esbuild words that error, with its place.
    if (byNode === undefined && bySource === undefined) return undefined;
    path = byNode ?? bySource ?? "";
    if (isBundled(path, name, args.importer, target)) return { path };
  }
  const installed = installedPackageOf(path);
  if (TYPESCRIPT.test(path)) return refuseTypeScript(args.path, installed?.name ?? args.path);
  if (!LOADABLE_BY_NODE.test(path)) return undefined;
  target.onExternal({
    name: name ?? installed?.name ?? args.path,
    dir: visible ?? installed?.dir ?? dirname(path),
    entry: path,
  });
  if (args.kind === "import-statement" || args.kind === "dynamic-import") {
    const view: ImportView = isEsModuleFile(args.importer) ? "node" : "babel";
    return {
      path: path + BRIDGE,
      namespace: VIEW_NAMESPACES[view],
      sideEffects: found.errors.length > 0 || found.sideEffects,
    };
  }
  return { path, external: true };
}

function isBundled(
  realPath: string,
  name: string | undefined,
  importer: string,
  target: PackageRuleTarget,
): boolean {
  if (!isInstalled(realPath)) return true;
  const installed = installedPackageOf(realPath);
  if (installed === undefined) return false;
  if (target.isForced(installed.name) || (name !== undefined && target.isForced(name))) return true;
  // `#internal` and self references of a package that is being bundled.
  return installedPackageOf(importer)?.dir === installed.dir;
}

function refuseTypeScript(specifier: string, name: string): OnResolveResult {
  return {
    errors: [
      {
        text: `The package "${name}" ships only TypeScript sources for ${JSON.stringify(specifier)}, which Node does not load from node_modules`,
        detail: {
          fix: `List "${name}" in package.json under "gatewright": { "bundle": ["${name}"] }, or use a version that is built.`,
        },
      },
    ],
  };
}
