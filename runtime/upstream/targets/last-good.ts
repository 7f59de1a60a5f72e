import { targetKey, type Target } from "../target.ts";

/** What each written target was last resolved to, for the times when it cannot be. */
export class LastGood {
  readonly #known = new Map<string, readonly Target[]>();

  /** Asks for all of them at once; one that fails has its last good answer, or none. */
  async collect(
    targets: readonly Target[],
    resolve: (target: Target) => Promise<readonly Target[]>,
  ): Promise<{ targets: Target[]; failure: string | undefined }> {
    const failures: string[] = [];
    const lists = await Promise.all(
      targets.map(async (target) => {
        const key = targetKey(target);
        try {
          const found = await resolve(target);
          if (found.length === 0) throw new Error(`${target.hostname} has no address`);
          this.#known.set(key, found);
          return found;
        } catch (error) {
          failures.push(error instanceof Error ? error.message : String(error));
          return this.#known.get(key) ?? [];
        }
      }),
    );
    return {
      targets: lists.flat(),
      failure: failures.length === 0 ? undefined : failures.join("; "),
    };
  }
}
