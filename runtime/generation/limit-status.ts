/** What a rate limit remembers at present. */
export interface LimitStatus {
  readonly name: string;
  /** Keys in its table, those that have their whole allowance again included. */
  readonly keys: number;
  /** When the table is full, the key that is owed the least makes room. */
  readonly maxKeys: number;
  /** Requests that `action: "delay"` lets wait. */
  readonly waiting: number;
}
