import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";

/** 21 KB and 0.3 ms each: enough for the busy names, bounded for the rest. */
const MAX_CONTEXTS = 1000;

/**
 * Secure contexts by key, made when first asked for, the least recently used dropped beyond the limit. Open connections
 * hold theirs.
 */
export class SecureContexts {
  readonly #contexts = new Map<string, SecureContext>();
  readonly #max: number;

  constructor(max: number = MAX_CONTEXTS) {
    this.#max = max;
  }

  get size(): number {
    return this.#contexts.size;
  }

  get(key: string, options: () => SecureContextOptions): SecureContext {
    const known = this.#contexts.get(key);
    if (known !== undefined) {
      // A Map remembers the order of insertion: the last one used goes to the end.
      this.#contexts.delete(key);
      this.#contexts.set(key, known);
      return known;
    }
    const made = createSecureContext(options());
    this.#contexts.set(key, made);
    if (this.#contexts.size > this.#max) {
      const [oldest] = this.#contexts.keys();
      if (oldest !== undefined) this.#contexts.delete(oldest);
    }
    return made;
  }

  /** After a rotation: those of certificates that are gone would only wait for their turn. */
  clear(): void {
    this.#contexts.clear();
  }
}
