/**
 * Path trees by host pattern. A host is looked up by its name, by its name less one label, and by each of its suffixes
 * that is short enough to be a pattern: as many steps as it has labels, however many hosts there are.
 */
import { afterFirstLabel, type HostPattern } from "./host-pattern.ts";
import type { PathPattern } from "./path-pattern.ts";
import { PathTree } from "./path-tree.ts";

export class HostIndex<T> {
  readonly #exact = new Map<string, PathTree<T>>();
  readonly #oneLabel = new Map<string, PathTree<T>>();
  readonly #anyDepth = new Map<string, PathTree<T>>();
  #any: PathTree<T> | undefined = undefined;
  #longestSuffix = 0;

  add(host: HostPattern, path: PathPattern, value: T): void {
    this.#tree(host).add(path, value);
  }

  /** Adds to `found` a list for each pattern pair that matches. */
  collect(host: string, path: string, found: (readonly T[])[]): void {
    if (this.#exact.size > 0) this.#exact.get(host)?.collect(path, found);
    if (this.#oneLabel.size > 0) {
      const suffix = afterFirstLabel(host);
      if (suffix !== undefined) this.#oneLabel.get(suffix)?.collect(path, found);
    }
    if (this.#anyDepth.size > 0) this.#collectSuffixes(host, path, found);
    this.#any?.collect(path, found);
  }

  #collectSuffixes(host: string, path: string, found: (readonly T[])[]): void {
    for (let dot = host.indexOf("."); dot !== -1; dot = host.indexOf(".", dot + 1)) {
      if (host.length - dot - 1 > this.#longestSuffix) continue;
      this.#anyDepth.get(host.slice(dot + 1))?.collect(path, found);
    }
  }

  #tree(host: HostPattern): PathTree<T> {
    switch (host.kind) {
      case "any":
        return (this.#any ??= new PathTree<T>());
      case "exact":
        return treeOf(this.#exact, host.name);
      case "one-label":
        return treeOf(this.#oneLabel, host.name);
      case "any-depth":
        this.#longestSuffix = Math.max(this.#longestSuffix, host.name.length);
        return treeOf(this.#anyDepth, host.name);
    }
  }
}

function treeOf<T>(trees: Map<string, PathTree<T>>, name: string): PathTree<T> {
  let tree = trees.get(name);
  if (tree === undefined) {
    tree = new PathTree<T>();
    trees.set(name, tree);
  }
  return tree;
}
