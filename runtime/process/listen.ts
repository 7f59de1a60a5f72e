import { systemClock } from "../clock.ts";
import type { ConfigIssue } from "../config/load.ts";
import type { ResolvedLimits, ResolvedListen } from "../config/resolved-config.ts";
import type { Listener, ListenerAddress } from "../downstream/listener.ts";
import type { PeerTest } from "../downstream/proxy-protocol-gate.ts";
import { PrepareError } from "../generation/prepare-error.ts";
import type { ProvisionedTls } from "../generation/provision-tls.ts";
import { toCertificateStatus, toOnDemandStatus } from "./certificate-status.ts";
import type { ListenerStatus } from "../inspect/status.ts";
import type { Log } from "../log.ts";
import { createRangeTest } from "../primitives/client-address.ts";

/** Opens a port; `ready` tells whether that worked. */
export type Listen = (
  listen: ResolvedListen,
  tls: ProvisionedTls | undefined,
  redirectPort: number | undefined,
) => Listener;

interface Entry {
  readonly key: string;
  listen: ResolvedListen;
  tls: ProvisionedTls | undefined;
  readonly listener: Listener;
  readonly address: ListenerAddress;
}

interface Wanted {
  readonly listen: ResolvedListen;
  readonly tls: ProvisionedTls | undefined;
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
    return [...this.#entries.values()].map(urlOf);
  }

  status(): ListenerStatus[] {
    return [...this.#entries.values()].map((entry) => ({
      url: urlOf(entry),
      connections: entry.listener.stats().connections,
      ...toCertificateStatus(entry.tls?.terms.certificates ?? [], systemClock.now()),
      onDemand: toOnDemandStatus(entry.tls?.terms.lookedUp ?? []),
    }));
  }

  /**
   * Opens what is new, closes nothing. Rejects with a {@link PrepareError} that has everything open as it was. `tls` is
   * that of each listener; one without speaks plain text.
   */
  async change(
    wanted: readonly ResolvedListen[],
    tls: readonly (ProvisionedTls | undefined)[] = [],
  ): Promise<ListenChange> {
    const next = new Map<string, Entry>();
    const added: Entry[] = [];
    const kept = new Map<Entry, Wanted>();
    const replaced: Entry[] = [];
    const keys = toKeys(wanted);
    const undo = async (): Promise<void> => {
      for (const { listener } of added) this.#close(listener);
      for (const entry of replaced) await this.#reopen(entry);
    };
    for (const [at, listen] of wanted.entries()) {
      const key = keys[at] ?? "";
      const known = this.#entries.get(key);
      const own = { listen, tls: tls[at] };
      if (known !== undefined) {
        kept.set(known, own);
        next.set(key, known);
        continue;
      }
      try {
        const port = redirectPortOf(listen, wanted, []);
        const entry = { key, ...own, ...(await this.#openNew(own, port, keys, replaced)) };
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
        for (const [entry, { listen, tls: own }] of kept) {
          if (!sameLimits(entry.listen.limits, listen.limits)) entry.listener.adjust(listen.limits);
          entry.listener.setPriorKnowledge(listen.h2c);
          entry.listener.setPeers(toPeerTest(listen));
          entry.listen = listen;
          if (entry.tls !== own) entry.listener.setTls(own);
          entry.tls = own;
        }
        const open = [...next.values()];
        for (const { listener, listen } of open) {
          listener.setRedirectPort(redirectPortOf(listen, wanted, open));
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
    wanted: Wanted,
    redirectPort: number | undefined,
    wantedKeys: readonly string[],
    replaced: Entry[],
  ): Promise<Pick<Entry, "listener" | "address">> {
    try {
      return await this.#open(wanted, redirectPort);
    } catch (error) {
      const own = [...this.#entries.values()].filter(
        (entry) =>
          entry.address.port === wanted.listen.port &&
          !wantedKeys.includes(entry.key) &&
          !replaced.includes(entry),
      );
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || own.length === 0) throw error;
      for (const entry of own) {
        replaced.push(entry);
        this.#close(entry.listener);
      }
      return this.#open(wanted, redirectPort);
    }
  }

  async #open(
    { listen, tls }: Wanted,
    redirectPort: number | undefined,
  ): Promise<Pick<Entry, "listener" | "address">> {
    const listener = this.#listen(listen, tls, redirectPort);
    return { listener, address: await listener.ready };
  }

  async #reopen(entry: Entry): Promise<void> {
    try {
      const listen = { ...entry.listen, port: entry.address.port };
      const others = [...this.#entries.values()];
      const redirectPort = redirectPortOf(listen, [], others);
      const opened = await this.#open({ listen, tls: entry.tls }, redirectPort);
      this.#entries.set(entry.key, { ...entry, ...opened });
    } catch (error) {
      this.#entries.delete(entry.key);
      this.#log.error({ error, url: urlOf(entry) }, "a listener could not be opened again");
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

/** Who must send a PROXY header there, if anybody. */
export function toPeerTest({ proxyProtocol }: ResolvedListen): PeerTest | undefined {
  return proxyProtocol === undefined ? undefined : createRangeTest(proxyProtocol.from);
}

/** Several listeners may ask for any port on the same host: they are told apart by their order. */
function toKeys(wanted: readonly ResolvedListen[]): string[] {
  let any = 0;
  return wanted.map(({ host, port }) => `${host} ${port === 0 ? `any ${any++}` : port}`);
}

/** A port may go from plain text to TLS without being closed. */
function urlOf({ address, tls }: Entry): string {
  return address.url.replace(/^https?/, tls === undefined ? "http" : "https");
}

/** Where `redirectToHttps` leads: the port it names, or that of the first listener with TLS, once it is known. */
function redirectPortOf(
  { redirectToHttps = false }: ResolvedListen,
  wanted: readonly ResolvedListen[],
  open: readonly Entry[],
): number | undefined {
  if (redirectToHttps === false) return undefined;
  if (redirectToHttps !== true) return redirectToHttps;
  const entry = open.find(({ tls }) => tls !== undefined);
  if (entry !== undefined) return entry.address.port;
  const port = wanted.find(({ tls }) => tls !== undefined)?.port;
  return port === 0 ? undefined : port;
}

function sameLimits(one: ResolvedLimits, other: ResolvedLimits): boolean {
  const keys = Object.keys(one) as (keyof ResolvedLimits)[];
  return keys.every((key) => one[key] === other[key]);
}

const NO_SUCH_NAME = [
  "there is no address for that name",
  "Use an IP address: 127.0.0.1, or 0.0.0.0 for all.",
] as const;
const REASONS: Readonly<Record<string, readonly [reason: string, fix: string]>> = {
  EADDRINUSE: ["it is in use by another process", "Stop that process or choose another port."],
  EACCES: [
    "this user may not open it",
    "Ports below 1024 need a privilege: choose a higher one or grant CAP_NET_BIND_SERVICE.",
  ],
  EADDRNOTAVAIL: ["this machine does not have that address", "Use an address of this machine."],
  ENOTFOUND: NO_SUCH_NAME,
  EAI_AGAIN: NO_SUCH_NAME,
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
