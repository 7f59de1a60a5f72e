/**
 * Living things that outlast a generation (pools, kept values of plugins): keyed, reference-counted, disposed of when
 * the last generation that uses them gives them back.
 */
export interface ResourceRegistry {
  /** The resource under this key, made if it is new. Each call is one use: pair it with `release`. */
  acquire<T>(key: string, create: () => T, dispose: (value: T) => void | Promise<void>): T;
  release(key: string): Promise<void>;
  readonly size: number;
}
