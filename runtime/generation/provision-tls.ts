import { createHash } from "node:crypto";
import { join } from "node:path";

import type { Clock } from "../clock.ts";
import type { CodeSlot, ConfigIssue } from "../config/load.ts";
import { toPem } from "../config/normalize-tls.ts";
import type { ResolvedConfig, ServerNameFunction } from "../config/resolved-config.ts";
import type { Log } from "../log.ts";
import type { LoadedCertificate, ServerNameHook } from "../primitives/tls/server-name-loader.ts";
import { createTlsTerms, type TlsTerms, type WatchFiles } from "../primitives/tls/terms.ts";
import { TlsOptionsError } from "../primitives/tls/tls-issue.ts";
import { PrepareError } from "./prepare-error.ts";
import { acquireAcme, type AcmeDependencies } from "./provision-acme.ts";
import type { ResourceRegistry } from "./resources.ts";

/** What a listener is given to speak TLS, and what keeps it up to date. */
export interface ProvisionedTls {
  readonly terms: TlsTerms;
  readonly handshakeMs: number;
}

export interface TlsProvision {
  readonly tls: (ProvisionedTls | undefined)[];
  /** To be given back. */
  readonly keys: readonly string[];
  commit(): void;
}

export interface TlsProvisionOptions {
  readonly config: ResolvedConfig;
  readonly slot: Pick<CodeSlot, "runInBackground">;
  readonly resources: ResourceRegistry;
  readonly log: Log;
  readonly clock: Clock;
  readonly describeError: (error: unknown) => object;
  readonly watchFiles: WatchFiles | undefined;
  readonly acme: AcmeDependencies;
}

/** Rejects with a {@link PrepareError} that names everything wrong on any listener, with nothing left behind. */
export async function provisionTls(options: TlsProvisionOptions): Promise<TlsProvision> {
  const { config, resources } = options;
  const issues: ConfigIssue[] = [];
  const keys: string[] = [];
  const commits: (() => void)[] = [];
  const tls = await Promise.all(
    config.listen.map(async (listen, at): Promise<ProvisionedTls | undefined> => {
      if (listen.tls === undefined) return undefined;
      const { handshakeMs, ...rules } = listen.tls;
      // Hashed: keys and passphrases may stand in the config, and resource keys in a log.
      const digest = createHash("sha256")
        .update(JSON.stringify([listen.host, listen.port, at, rules, config.dataDir]))
        .digest("hex");
      const key = `tls ${digest}`;
      try {
        const acme = await acquireAcme(options, at, keys);
        let isNew = false;
        const terms = await resources.acquire(
          key,
          () => {
            isNew = true;
            return createTlsTerms({
              tls: rules,
              dataDir: join(config.dataDir, "tls"),
              log: options.log,
              describeError: options.describeError,
              clock: options.clock,
              watchFiles: options.watchFiles,
              sources: acme.certificates.map((one) => one.createSource()),
            });
          },
          async (made) => (await made).close(),
        );
        keys.push(key);
        // An explicit reload looks at everything, watched or not.
        if (!isNew) await terms.refresh();
        commits.push(() => acme.commit());
        const hook = config.serverNameHooks[at];
        if (hook !== undefined) {
          commits.push(() => terms.setServerNameHook(toHook(hook, options)));
        }
        return { terms, handshakeMs };
      } catch (error) {
        issues.push(...toIssues(error, at));
        return undefined;
      }
    }),
  );
  if (issues.length > 0) {
    await Promise.all(keys.map((key) => resources.release(key)));
    throw new PrepareError(issues);
  }
  return {
    tls,
    keys,
    commit() {
      for (const commit of commits) commit();
    },
  };
}

/** User code's answer, checked: it is not the config, so nobody has looked at it before. */
function toHook(hook: ServerNameFunction, options: TlsProvisionOptions): ServerNameHook {
  const { slot, config } = options;
  return async (name): Promise<LoadedCertificate | undefined> => {
    const found: unknown = await slot.runInBackground(() => hook(name));
    if (found === undefined || found === null) return undefined;
    const { cert, key, passphrase } = found as Record<string, unknown>;
    if (
      typeof cert !== "string" ||
      typeof key !== "string" ||
      (passphrase !== undefined && typeof passphrase !== "string")
    ) {
      throw new TypeError(
        "onServerName must return { cert, key, passphrase? } with texts, or undefined",
      );
    }
    return { cert: toPem(cert, config.dir), key: toPem(key, config.dir), passphrase };
  };
}

function toIssues(error: unknown, at: number): ConfigIssue[] {
  if (error instanceof TlsOptionsError) {
    return error.issues.map((issue) => ({ ...issue, path: `listen[${at}].${issue.path}` }));
  }
  return [
    { path: `listen[${at}].tls`, message: error instanceof Error ? error.message : "TLS failed." },
  ];
}
