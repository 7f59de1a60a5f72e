/** A whole proxy in front of a toy upstream, and requests over raw sockets: what most integration tests begin with. */
import type { GatewrightConfig } from "@gatewright/sdk";

import { askHttp2 } from "./h2-text.ts";
import { startHttp2Bridge } from "./http2-bridge.ts";
import { testProtocol } from "./protocol-matrix.ts";
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
  /**
   * One request on a connection of its own; the final response. Text is Latin-1. Over HTTP/2 where the test file chose
   * that (see protocol-matrix.ts): the text is then taken apart and sent as a stream.
   */
  ask(bytes: string, options?: ReadOptions): Promise<RawResponse>;
  /** `GET` of the target with these field lines. */
  get(target: string, ...lines: string[]): Promise<RawResponse>;
  /** A connection for bytes of HTTP/1.1; where the test file chose HTTP/2, to a bridge that makes streams of them. */
  connect(): Promise<RawClient>;
}

export async function throughProxy(options: ThroughProxyOptions = {}): Promise<ThroughProxy> {
  const isHttp2 = testProtocol() === "HTTP/2";
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
  let bridge: Promise<number> | undefined;
  const ask = (bytes: string, read?: ReadOptions): Promise<RawResponse> =>
    isHttp2 ? askHttp2(proxy.url, bytes, read) : askRaw(proxy.port, bytes, read);
  return {
    proxy,
    upstream,
    ask,
    get: (target, ...lines) => ask(getRequest(target, ...lines)),
    connect: async () => {
      if (isHttp2) bridge ??= startHttp2Bridge(proxy.url);
      return connectRaw(isHttp2 ? await (bridge as Promise<number>) : proxy.port);
    },
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
