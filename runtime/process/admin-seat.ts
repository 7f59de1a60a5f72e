import { DEFAULT_ADMIN } from "../config/defaults.ts";
import type { ConfigIssue } from "../config/load.ts";
import type { ResolvedAdmin } from "../config/resolved-config.ts";
import { startAdmin, type Admin, type AdminSource } from "../inspect/admin.ts";
import type { Log } from "../log.ts";

/** What `dev` offers while no config says otherwise. */
const DEV_ADMIN: ResolvedAdmin = {
  ...DEFAULT_ADMIN,
  anyPort: true,
  token: undefined,
  hosts: [],
};

export type AdminChange =
  | { readonly kind: "ready"; commit(): void; abort(): void }
  | { readonly kind: "failed"; readonly issue: ConfigIssue };

/** Keeps the admin listener where the config wants it: a reload only moves it when its address changed. */
export class AdminSeat {
  readonly #source: AdminSource;
  readonly #log: Log;
  readonly #mode: "dev" | "start";
  readonly #onListening: (url: string) => void;
  #admin: Admin | undefined;
  #address = "";

  constructor(
    source: AdminSource,
    log: Log,
    mode: "dev" | "start",
    onListening: (url: string) => void,
  ) {
    this.#source = source;
    this.#log = log;
    this.#mode = mode;
    this.#onListening = onListening;
  }

  get url(): string | undefined {
    return this.#admin?.url;
  }

  /** For `dev` with a config that never was good: its status says what is wrong. A taken port is no reason to fail. */
  async openDefault(): Promise<void> {
    if (this.#mode !== "dev" || this.#admin !== undefined) return;
    const change = await this.change(DEV_ADMIN);
    if (change.kind === "ready") change.commit();
    else this.#log.warn(change.issue.message);
  }

  /** Opens a new address beside the old one; `commit` closes that. */
  async change(wanted: ResolvedAdmin | undefined): Promise<AdminChange> {
    const address = wanted === undefined ? "" : JSON.stringify([wanted.host, wanted.port]);
    const previous = this.#admin;
    if (address === this.#address) {
      return { kind: "ready", commit: () => wanted && previous?.adjust(wanted), abort: () => {} };
    }
    let admin: Admin | undefined;
    try {
      if (wanted !== undefined) {
        admin = await startAdmin({ ...wanted, source: this.#source, log: this.#log });
      }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      const where = `${wanted?.host}:${wanted?.port}`;
      const message = `The admin listener cannot open ${where}: ${code}.`;
      return {
        kind: "failed",
        issue: { path: "admin", message, fix: "Choose another port, or stop what uses it." },
      };
    }
    return {
      kind: "ready",
      commit: () => {
        this.#admin = admin;
        this.#address = address;
        void previous?.close();
        if (admin !== undefined) this.#onListening(admin.url);
      },
      abort: () => void admin?.close(),
    };
  }

  async close(): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    await admin?.close();
  }
}
