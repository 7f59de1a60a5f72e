/**
 * Path patterns as a tree of segments: finding the patterns that match a path costs as much as the path has segments,
 * however many patterns there are. Leaves hold their candidates in declaration order; choosing among leaves is the
 * route table's.
 */
import type { PathPattern } from "./path-pattern.ts";

/** Up to this many children are compared in place; more are looked up, which needs the segment as a string of its own. */
const FEW = 4;

export class PathTree<T> {
  readonly #root = new Node<T>();

  add(pattern: PathPattern, value: T): void {
    let node = this.#root;
    for (const segment of pattern.segments) {
      node = segment.kind === "param" ? node.paramChild() : node.literalChild(segment.text);
    }
    if (pattern.open) (node.open ??= []).push(value);
    else (node.exact ??= []).push(value);
  }

  /** Adds to `found` the values of every pattern that matches, one list for each pattern. */
  collect(path: string, found: (readonly T[])[]): void {
    collect(this.#root, path, 1, found);
  }
}

class Node<T> {
  /** Of patterns that end here. */
  exact: T[] | undefined = undefined;
  /** Of patterns that go on with `*` here. */
  open: T[] | undefined = undefined;
  param: Node<T> | undefined = undefined;
  readonly names: string[] = [];
  readonly children: Node<T>[] = [];
  readonly byName = new Map<string, Node<T>>();

  literalChild(name: string): Node<T> {
    let child = this.byName.get(name);
    if (child === undefined) {
      child = new Node<T>();
      this.byName.set(name, child);
      this.names.push(name);
      this.children.push(child);
    }
    return child;
  }

  paramChild(): Node<T> {
    return (this.param ??= new Node<T>());
  }
}

/** `start` is where the next segment begins; one past the end of the path means that there is none. */
function collect<T>(from: Node<T>, path: string, from0: number, found: (readonly T[])[]): void {
  let node: Node<T> | undefined = from;
  let start = from0;
  while (node !== undefined) {
    if (node.open !== undefined) found.push(node.open);
    if (start > path.length) {
      if (node.exact !== undefined) found.push(node.exact);
      return;
    }
    const slash = path.indexOf("/", start);
    const end = slash === -1 ? path.length : slash;
    const literal: Node<T> | undefined = findLiteral(node, path, start, end);
    const param: Node<T> | undefined = end > start ? node.param : undefined;
    start = end + 1;
    if (literal !== undefined && param !== undefined) collect(literal, path, start, found);
    node = param ?? literal;
  }
}

function findLiteral<T>(
  node: Node<T>,
  path: string,
  start: number,
  end: number,
): Node<T> | undefined {
  const { names } = node;
  if (names.length > FEW) return node.byName.get(path.slice(start, end));
  for (let at = 0; at < names.length; at++) {
    const name = names[at] as string;
    if (name.length === end - start && path.startsWith(name, start)) return node.children[at];
  }
  return undefined;
}
