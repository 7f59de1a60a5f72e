import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import type { ConfigInput, FetchUpstream } from "@gatewright/sdk";

import { createConfigLoader, type LoadedConfig } from "../config/load.ts";
import { loadValue } from "../config/load-value.ts";
import { formatReport } from "../config/report.ts";
import type { ResolvedConfig, ResolvedUpstream } from "../config/resolved-config.ts";
import type { StackMapper } from "../config/stack-mapper.ts";
import type { Log } from "../log.ts";
import { answerOf, type Fake, type Fakes } from "./fakes.ts";

/** A config as `defineConfig` takes it, or the path or file: URL of a config file, which is then compiled as in life. */
// oxlint-disable-next-line typescript/no-explicit-any -- the names of its upstreams are no matter here
export type TestConfig = ConfigInput<any> | string | URL;

/** What is left of a listener. */
export interface TestListen {
  readonly port: number;
  readonly isSecure: boolean;
  readonly redirectToHttps: boolean | number;
}

export interface LoadTerms {
  readonly generation: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dataDir: string;
  readonly fakes: Fakes;
  readonly stackMapper: StackMapper;
  readonly log: Log;
}

/** Throws an error whose message shows every issue if the config is broken. */
export async function loadTestConfig(
  config: TestConfig,
  terms: LoadTerms,
): Promise<{ readonly loaded: LoadedConfig; readonly listen: readonly TestListen[] }> {
  const isFile = typeof config === "string" || config instanceof URL;
  const loaded = isFile
    ? await loadFile(config instanceof URL ? fileURLToPath(config) : resolve(config), terms)
    : await loadObject(config, terms);
  const listen = loaded.config.listen.map(({ port, tls, redirectToHttps = false }) => ({
    port,
    isSecure: tls !== undefined,
    redirectToHttps,
  }));
  return { loaded: { ...loaded, config: forTests(loaded.config, terms) }, listen };
}

async function loadFile(file: string, terms: LoadTerms): Promise<LoadedConfig> {
  const { env, log, stackMapper, generation } = terms;
  const loader = createConfigLoader({ file, command: "start", env, log, stackMapper });
  try {
    const result = await loader.load(undefined, generation);
    if (result.kind === "loaded") return result.loaded;
    throw new Error(result.kind === "failed" ? formatReport(result.report) : "nothing was loaded");
  } finally {
    await loader.close();
  }
}

async function loadObject(config: TestConfig, terms: LoadTerms): Promise<LoadedConfig> {
  const { env, generation } = terms;
  const file = resolve("proxy.config.ts");
  const result = await loadValue(config, { file, command: "start", env, generation });
  if (result.kind === "loaded") return result.loaded;
  if (result.kind === "unchanged") throw new Error("nothing was loaded");
  throw new Error(formatReport({ ...result.report, file: "the config" }));
}

/** Without what needs a network or this machine: TLS on both sides, DNS, a folder for what is kept. */
function forTests(config: ResolvedConfig, terms: LoadTerms): ResolvedConfig {
  const { fakes, dataDir } = terms;
  for (const name of fakes.upstreams) {
    if (config.upstreams.has(name) || /^https?:/.test(name)) continue;
    const known = [...config.upstreams.keys()].join(", ") || "none";
    throw new TypeError(`upstreams.${name}: the config has no such upstream; it has: ${known}.`);
  }
  return {
    ...config,
    dataDir,
    listen: config.listen.map((listen) => ({ ...listen, tls: undefined })),
    serverNameHooks: config.serverNameHooks.map(() => undefined),
    onDemandFunctions: config.onDemandFunctions.map(() => []),
    upstreams: new Map(
      [...config.upstreams].map(([name, upstream]) => [name, withFake(upstream, fakes)]),
    ),
  };
}

function withFake(upstream: ResolvedUpstream, fakes: Fakes): ResolvedUpstream {
  const { name } = upstream;
  if (upstream.kind === "fetch") {
    const fake = fakes.find(name, name);
    return { ...upstream, app: recorded(fakes, fake ?? upstream.app, fake !== undefined, name) };
  }
  if (upstream.kind !== "network") return upstream;
  const isFunction = typeof upstream.resolve?.by === "function";
  return {
    ...upstream,
    tls: undefined,
    proxyProtocol: undefined,
    resolve: isFunction ? upstream.resolve : undefined,
  };
}

/** An app of the config is wrapped too, so that its calls can be looked at. */
function recorded(
  fakes: Fakes,
  app: Fake | FetchUpstream,
  isFakeApp: boolean,
  name: string,
): FetchUpstream {
  const context = { upstream: name, target: name };
  return {
    fetch: (request, env: unknown, execution: unknown) =>
      fakes.record(request, context, false, (asking) =>
        isFakeApp || typeof app === "function"
          ? answerOf(app as Fake, asking, context, execution)
          : app.fetch(asking, env, execution),
      ),
  };
}
