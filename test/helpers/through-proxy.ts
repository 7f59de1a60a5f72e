/** A whole proxy in front of a toy upstream, and requests over raw sockets: what most integration tests begin with. */
import type { GatewrightConfig } from "@gatewright/sdk";

import { connectRaw, type RawClient, type RawResponse, type ReadOptions } from "./raw-client.ts";
import { startProxy, type StartProxyOptions, type TestProxy } from "./start-proxy.ts";
import type { ToyUpstream, ToyUpstreamOptions } from "./toy-upstream.ts";
import { toy } from "./upstream-fixture.ts";

export interface ThroughProxyOptions {
  /** Answers of the upstream, named `api` in the config. */
  readonly onRequest?: ToyUpstreamOptions["onRequest"];
  readonly onHead?: ToyUpstreamOptions["onHead"];
  /** Everything beside the upstream `api`; its other upstreams are added to it. */
  readonly config?: GatewrightConfig<string>;
  /** Options of `api` beside its targets. */
  readonly api?: object;
  readonly proxy?: Omit<StartProxyOptions, "config">;
}

export interface ThroughProxy {
  readonly proxy: TestProxy;
  readonly upstream: ToyUpstream;
  /** One request on a connection of its own; the final response. Text is Latin-1. */
  ask(bytes: string, options?: ReadOptions): Promise<RawResponse>;
  /** `GET` of the target with these field lines. */
  get(target: string, ...lines: string[]): Promise<RawResponse>;
  connect(): Promise<RawClient>;
}

export async function throughProxy(options: ThroughProxyOptions = {}): Promise<ThroughProxy> {
  const upstream = await toy({
    ...(options.onRequest === undefined ? {} : { onRequest: options.onRequest }),
    ...(options.onHead === undefined ? {} : { onHead: options.onHead }),
  });
  const proxy = await startProxy({
    ...options.proxy,
    config: {
      ...options.config,
      upstreams: {
        api: { targets: [upstream.url], ...options.api },
        ...options.config?.upstreams,
      },
    },
  });
  const ask = (bytes: string, read?: ReadOptions): Promise<RawResponse> =>
    askRaw(proxy.port, bytes, read);
  return {
    proxy,
    upstream,
    ask,
    get: (target, ...lines) => ask(getRequest(target, ...lines)),
    connect: () => connectRaw(proxy.port),
  };
}

/** One request on a connection of its own; the final response. */
export async function askRaw(
  port: number,
  bytes: string,
  options?: ReadOptions,
): Promise<RawResponse> {
  const client = await connectRaw(port);
  try {
    void client.send(bytes);
    return await client.finalResponse(options);
  } finally {
    client.destroy();
  }
}

export function getRequest(target: string, ...lines: string[]): string {
  return `${[`GET ${target} HTTP/1.1`, "Host: a.test", ...lines].join("\r\n")}\r\n\r\n`;
}
