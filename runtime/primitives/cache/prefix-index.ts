/**
 * Values by text, found again by the text or by the start of it, without a look at any other: a radix tree whose edges are
 * stretches of text. Adding and removing cost the length of the text, finding costs that of the prefix and of what is
 * found.
 */
export class PrefixIndex<V> {
  readonly #root: Node<V> = new Node<V>("");
  #size = 0;

  /** How many texts there are. */
  get size(): number {
    return this.#size;
  }

  /** How many nodes they take: at most two for each text, whatever came and went. */
  get nodes(): number {
    let count = 0;
    const waiting = [this.#root];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      count += 1;
      waiting.push(...node.children.values());
    }
    return count;
  }

  get(text: string): V | undefined {
    return this.#find(text)?.value;
  }

  set(text: string, value: V): void {
    let node = this.#root;
    let rest = text;
    while (rest !== "") {
      const child = node.children.get(rest.charCodeAt(0));
      if (child === undefined) {
        const leaf = new Node<V>(rest);
        node.children.set(rest.charCodeAt(0), leaf);
        node = leaf;
        break;
      }
      const shared = sharedLength(child.edge, rest);
      node = shared === child.edge.length ? child : split(node, child, shared);
      rest = rest.slice(shared);
    }
    if (node.value === undefined) this.#size += 1;
    node.value = value;
  }

  delete(text: string): void {
    const path: Node<V>[] = [this.#root];
    let rest = text;
    while (rest !== "") {
      const child = (path.at(-1) as Node<V>).children.get(rest.charCodeAt(0));
      if (child === undefined || !rest.startsWith(child.edge)) return;
      path.push(child);
      rest = rest.slice(child.edge.length);
    }
    const node = path.pop() as Node<V>;
    if (node.value === undefined) return;
    node.value = undefined;
    this.#size -= 1;
    tidy(node, path);
  }

  /** Values of all texts that start so. A list: what is done with them may change the index. */
  startingWith(prefix: string): V[] {
    const found: V[] = [];
    const start = this.#find(prefix, true);
    if (start === undefined) return found;
    const waiting = [start];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (node.value !== undefined) found.push(node.value);
      for (const child of node.children.values()) waiting.push(child);
    }
    return found;
  }

  /** The node of the text; with `within`, also the one on whose edge the text ends. */
  #find(text: string, within = false): Node<V> | undefined {
    let node = this.#root;
    let rest = text;
    while (rest !== "") {
      const child = node.children.get(rest.charCodeAt(0));
      if (child === undefined) return undefined;
      if (!rest.startsWith(child.edge)) {
        return within && child.edge.startsWith(rest) ? child : undefined;
      }
      node = child;
      rest = rest.slice(child.edge.length);
    }
    return node;
  }
}

class Node<V> {
  edge: string;
  value: V | undefined = undefined;
  /** By the first code unit of their edges. */
  readonly children = new Map<number, Node<V>>();

  constructor(edge: string) {
    this.edge = edge;
  }
}

function sharedLength(one: string, other: string): number {
  const limit = Math.min(one.length, other.length);
  let at = 0;
  while (at < limit && one.charCodeAt(at) === other.charCodeAt(at)) at++;
  return at;
}

/** A node between the two, where the texts part. */
function split<V>(parent: Node<V>, child: Node<V>, at: number): Node<V> {
  const middle = new Node<V>(child.edge.slice(0, at));
  child.edge = child.edge.slice(at);
  middle.children.set(child.edge.charCodeAt(0), child);
  parent.children.set(middle.edge.charCodeAt(0), middle);
  return middle;
}

/** After a removal: no leaf without a value, no inner node that only passes on. Else churn would grow the tree for ever. */
function tidy<V>(node: Node<V>, path: Node<V>[]): void {
  const parent = path.pop();
  if (parent === undefined) return;
  if (node.children.size === 0) {
    parent.children.delete(node.edge.charCodeAt(0));
    const above = path.pop();
    if (above !== undefined && parent.value === undefined) merge(parent);
    return;
  }
  merge(node);
}

/** A node without value takes the place of its only child. */
function merge<V>(node: Node<V>): void {
  if (node.value !== undefined || node.children.size !== 1) return;
  const [child] = node.children.values() as Iterable<Node<V>> as [Node<V>];
  node.edge += child.edge;
  node.value = child.value;
  node.children.clear();
  for (const [code, grandchild] of child.children) node.children.set(code, grandchild);
}
