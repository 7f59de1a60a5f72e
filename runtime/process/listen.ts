import type { ConfigIssue } from "../config/load.ts";
import type { ResolvedLimits, ResolvedListen } from "../config/resolved-config.ts";
import type { Listener, ListenerAddress } from "../downstream/listener.ts";
import { PrepareError } from "../generation/prepare-error.ts";
import type { ListenerStatus } from "../inspect/status.ts";
import type { Log } from "../log.ts";

/** Opens a port; `ready` tells whether that worked. */
export type Listen = (listen: ResolvedListen) => Listener;

interface Entry {
  readonly key: string;
  listen: ResolvedListen;
  readonly listener: Listener;
  readonly address: ListenerAddress;
}

/** New listeners that are open, and what becomes of the others, not yet settled. */
export interface ListenChange {
  /** Closes those that are no longer wanted, gracefully, and applies changed limits. */
  commit(): void;
  /** Closes the new ones. */
  abort(): Promise<void>;
}

/** The listeners of one worker. They outlive generations: a reload only touches those whose address changed. */
export class ListenerSet {
  readonly #listen: Listen;
  readonly #log: Log;
  #entries = new Map<string, Entry>();
  /** Closed to new connections, with some still alive. */
  readonly #closing = new Map<Listener, Promise<void>>();

  constructor(listen: Listen, log: Log) {
    this.#listen = listen;
    this.#log = log;
  }

  get urls(): string[] {
    return [...this.#entries.values()].map(({ address }) => address.url);
  }

  status(): ListenerStatus[] {
    return [...this.#entries.values()].map(({ listener, address }) => ({
      url: address.url,
      connections: listener.stats().connections,
    }));
  }

  /** Opens what is new, closes nothing. Rejects with a {@link PrepareError} that has everything open as it was. */
  async change(wanted: readonly ResolvedListen[]): Promise<ListenChange> {
    const next = new Map<string, Entry>();
    const added: Entry[] = [];
    const kept = new Map<Entry, ResolvedListen>();
    const replaced: Entry[] = [];
    const keys = toKeys(wanted);
    const undo = async (): Promise<void> => {
      for (const { listener } of added) this.#close(listener);
      for (const entry of replaced) await this.#reopen(entry);
    };
    for (const [at, listen] of wanted.entries()) {
      const key = keys[at] ?? "";
      const known = this.#entries.get(key);
      if (known !== undefined) {
        kept.set(known, listen);
        next.set(key, known);
        continue;
      }
      try {
        const entry = { key, listen, ...(await this.#openNew(listen, keys, replaced)) };
        added.push(entry);
        next.set(key, entry);
      } catch (error) {
        await undo();
        throw new PrepareError([toIssue(error, listen, at)], { cause: error });
      }
    }
    return {
      commit: () => {
        const previous = this.#entries;
        this.#entries = next;
        for (const entry of previous.values()) {
          if (!next.has(entry.key) && !replaced.includes(entry)) this.#close(entry.listener);
        }
        for (const [entry, listen] of kept) {
          if (!sameLimits(entry.listen.limits, listen.limits)) entry.listener.adjust(listen.limits);
          entry.listen = listen;
        }
      },
      abort: undo,
    };
  }

  /** Stops accepting everywhere. Resolves when the last connection is gone. */
  async close(): Promise<void> {
    for (const { listener } of this.#entries.values()) this.#close(listener);
    this.#entries.clear();
    await Promise.all(this.#closing.values());
  }

  /** Cuts all connections. */
  cutAll(): void {
    for (const { listener } of this.#entries.values()) listener.cutAll();
    for (const listener of this.#closing.keys()) listener.cutAll();
  }

  /**
   * From 127.0.0.1:80 to 0.0.0.0:80 the new address cannot be opened while our own old one is: then, and only then,
   * the old one closes first, which refuses connections for an instant.
   */
  async #openNew(
    listen: ResolvedListen,
    wantedKeys: readonly string[],
    replaced: Entry[],
  ): Promise<Pick<Entry, "listener" | "address">> {
    try {
      return await this.#open(listen);
    } catch (error) {
      const own = [...this.#entries.values()].filter(
        (entry) =>
          entry.address.port === listen.port &&
          !wantedKeys.includes(entry.key) &&
          !replaced.includes(entry),
      );
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || own.length === 0) throw error;
      for (const entry of own) {
        replaced.push(entry);
        this.#close(entry.listener);
      }
      return this.#open(listen);
    }
  }

  async #open(listen: ResolvedListen): Promise<Pick<Entry, "listener" | "address">> {
    const listener = this.#listen(listen);
    return { listener, address: await listener.ready };
  }

  async #reopen(entry: Entry): Promise<void> {
    try {
      const opened = await this.#open({ ...entry.listen, port: entry.address.port });
      this.#entries.set(entry.key, { ...entry, ...opened });
    } catch (error) {
      this.#entries.delete(entry.key);
      this.#log.error({ error, url: entry.address.url }, "a listener could not be opened again");
    }
  }

  #close(listener: Listener): void {
    const closed = listener
      .drain()
      .catch((error: unknown) => this.#log.error({ error }, "a listener failed to close"))
      .finally(() => this.#closing.delete(listener));
    this.#closing.set(listener, closed);
  }
}

/** Several listeners may ask for any port on the same host: they are told apart by their order. */
function toKeys(wanted: readonly ResolvedListen[]): string[] {
  let any = 0;
  return wanted.map(({ host, port }) => `${host} ${port === 0 ? `any ${any++}` : port}`);
}

function sameLimits(one: ResolvedLimits, other: ResolvedLimits): boolean {
  const keys = Object.keys(one) as (keyof ResolvedLimits)[];
  return keys.every((key) => one[key] === other[key]);
}

const REASONS: Readonly<Record<string, readonly [reason: string, fix: string]>> = {
  EADDRINUSE: ["it is in use by another process", "Stop that process or choose another port."],
  EACCES: [
    "this user may not open it",
    "Ports below 1024 need a privilege: choose a higher one or grant CAP_NET_BIND_SERVICE.",
  ],
  EADDRNOTAVAIL: ["this machine does not have that address", "Use an address of this machine."],
};

function toIssue(error: unknown, listen: ResolvedListen, at: number): ConfigIssue {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const [reason, fix] = REASONS[code] ?? [error instanceof Error ? error.message : String(error)];
  return {
    path: `listen[${at}]`,
    message: `Cannot listen on ${listen.host}:${listen.port}: ${reason}.`,
    ...(fix === undefined ? {} : { fix }),
  };
}
