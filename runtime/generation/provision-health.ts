import type { Clock, DeadlineWheel } from "../clock.ts";
import type { CodeSlot } from "../config/load.ts";
import type { ResolvedNetworkUpstream } from "../config/resolved-config.ts";
import { writeProxyHeader } from "../http/proxy-protocol.ts";
import type { HealthRules } from "../upstream/health/health-rules.ts";
import { createUpstreamHealth } from "../upstream/health/upstream-health.ts";
import type { SocketTerms } from "../upstream/open-socket.ts";
import type { CreateTargetHealth } from "../upstream/targets/target-health.ts";

export interface HealthProvisionOptions {
  readonly resolved: ResolvedNetworkUpstream;
  readonly slot: Pick<CodeSlot, "runInBackground">;
  readonly wheel: DeadlineWheel;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Checks connect as requests do: the same names, the same TLS, a PROXY header where those send one. */
export function createHealth(
  options: HealthProvisionOptions,
  socket: SocketTerms,
): CreateTargetHealth {
  const { resolved, wheel, clock, random } = options;
  const { http2, proxyProtocol } = resolved;
  const preface =
    proxyProtocol === undefined
      ? ""
      : writeProxyHeader(proxyProtocol, undefined).toString("latin1");
  return createUpstreamHealth({
    rules: healthRules(options),
    terms: { socket, http2, preface },
    wheel,
    clock,
    random,
  });
}

/** What a function of the config starts in a check ends with its generation. */
export function healthRules({ resolved, slot }: HealthProvisionOptions): HealthRules {
  const { health } = resolved;
  if (health.check?.type !== "function") return { ...health, check: health.check };
  const { check } = health.check;
  return {
    ...health,
    check: {
      ...health.check,
      check: (target, signal) => slot.runInBackground(() => check(target, signal)),
    },
  };
}
