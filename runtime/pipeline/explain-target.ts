import type { AttemptPolicy } from "../upstream/retry/retry-policy.ts";
import type { UpstreamRequest } from "../upstream/upstream.ts";
import type { UpstreamPlan } from "./parts.ts";

type Times = Pick<UpstreamRequest, "connectTimeoutMs" | "responseHeadTimeoutMs" | "idleTimeoutMs">;

/** How a target will be chosen and what happens if it fails, for `explain`: one line each. */
export function targetDetails(
  plan: UpstreamPlan,
  times: Times,
  attempts: AttemptPolicy | undefined,
): string[] {
  const total = attempts?.totalTimeoutMs;
  if (plan.balance === undefined) {
    const { responseHeadTimeoutMs, idleTimeoutMs } = times;
    return [
      "an app in this process",
      `time limits: head ${responseHeadTimeoutMs} ms, silence ${limit(idleTimeoutMs)}, whole ${limit(total)}`,
    ];
  }
  const lines = [
    `time limits: connection ${times.connectTimeoutMs} ms, head ${times.responseHeadTimeoutMs} ms, ` +
      `silence ${limit(times.idleTimeoutMs)}, whole ${limit(total)}`,
  ];
  lines.unshift(`balance: ${plan.balance}`);
  const retry = attempts?.retry;
  if (retry === undefined) {
    lines.push("tried again: only where no connection could be made or a kept one had closed");
  } else {
    const statuses = [...retry.statuses].join(", ");
    lines.push(
      `tried again: up to ${retry.attempts} attempts, methods ${[...retry.methods].join(", ")}` +
        (statuses === "" ? "" : `, also on ${statuses}`) +
        (retry.perTryTimeoutMs === undefined ? "" : `, ${retry.perTryTimeoutMs} ms each`) +
        (retry.decide === undefined ? "" : ", if the config's function agrees"),
    );
  }
  const hedge = attempts?.hedge;
  if (hedge !== undefined) {
    lines.push(`hedged: after ${hedge.afterMs} ms, up to ${hedge.max} beside the first`);
  }
  return lines;
}

function limit(ms: number | undefined): string {
  return ms === undefined ? "none" : `${ms} ms`;
}
