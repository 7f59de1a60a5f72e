import type { ErrorDecision, ProxyErrorView } from "@gatewright/sdk";

import { ProxyError } from "../errors.ts";
import { prefersHtml } from "../http/accept.ts";
import { problemContent } from "../http/problem.ts";
import { fieldValue } from "../http/raw-fields.ts";
import { isResponse } from "./decide.ts";
import { toDecision } from "./facade/decision.ts";
import type { Flow } from "./flow.ts";
import { canForwardAgain, reclaimContent } from "./forward.ts";
import { runHooks, type HookPhase } from "./hook-runner.ts";
import type { HookChains } from "./parts.ts";
import { traceStep } from "./trace.ts";

const KINDS = ["forward", "respond", "block", "drop"] as const;

const ERROR_PHASE: HookPhase<HookChains["error"][number]["run"]> = {
  name: "onError",
  hooks: (chains) => chains.error,
  call: (flow, hook) => hook.run(errorView(flow.error as ProxyError), flow.context),
  accept(flow, value, hook) {
    const decision = toDecision(value, KINDS, hook.owner) as ErrorDecision | Response;
    if (isResponse(decision) || decision.kind !== "forward") {
      flow.settle(decision, hook.owner);
      return false;
    }
    const plan = flow.parts.upstreams.get(decision.upstream);
    if (plan === undefined || !canForwardAgain(flow)) {
      flow.parts.log.warn(
        { id: flow.id, hook: hook.owner, upstream: decision.upstream },
        plan === undefined
          ? "onError names an unknown upstream"
          : "onError asks for a fallback, but the request cannot be sent again: its content is gone, its one fallback used, or the WAF refused it",
      );
      return true;
    }
    flow.fallbackUsed = true;
    flow.forwardOptions = decision.options;
    flow.error = undefined;
    flow.errorHooksDone = false;
    flow.forward(plan);
    return false;
  },
  done: answerError,
  failed(flow, error) {
    logFailure(flow, error);
    answerError(flow);
  },
};

/**
 * The one way out for failures. No head sent: `onError`, then an error answer. Head sent: the message is cut, so that
 * the client sees that it is not whole.
 */
export function fail(flow: Flow, error: ProxyError): void {
  if (flow.stage === "over") return;
  flow.turn += 1;
  flow.disarmHookDeadline();
  flow.error ??= error;
  logFailure(flow, error);
  flow.dropUpstream(error);
  if (flow.exchange.headSent) {
    flow.outcome = "cut";
    flow.fireSignal(error);
    flow.sending?.cancel();
    flow.exchange.abort();
    return;
  }
  if (flow.trace !== null) {
    const text = `${error.code}: ${error.message}`;
    traceStep(flow, "error", text, causeLines(flow, error.cause), "failed");
  }
  flow.error = error;
  if (flow.errorHooksDone || flow.parts.hooks.error.length === 0) {
    answerError(flow);
    return;
  }
  flow.errorHooksDone = true;
  reclaimContent(flow);
  runHooks(flow, ERROR_PHASE, 0);
}

/** A hook's promise took longer than `timeouts.hook`. */
export function hookTimedOut(flow: Flow): void {
  const error = new ProxyError("PROXY_HOOK_TIMEOUT", {
    message: `a hook of ${flow.hookOwner} took longer than ${flow.parts.hookTimeoutMs} ms`,
  });
  flow.fireSignal(error);
  fail(flow, error);
}

function answerError(flow: Flow): void {
  const error = flow.error ?? new ProxyError("PROXY_INTERNAL");
  const html = prefersHtml(fieldValue(flow.exchange.fields, "accept"));
  const { contentType, bytes } = problemContent(
    { status: error.status, code: error.code, detail: error.publicDetail, id: flow.id },
    html,
  );
  const fields = ["Content-Type", contentType, "Cache-Control", "no-store", ...error.fields];
  // Content that broke off cannot be told from the next request.
  if (error.source === "downstream" && flow.content !== undefined) flow.exchange.closeAfter();
  flow.respond(error.status, fields, bytes, "error");
}

/** What user code threw, and where: for `explain`, which its author reads. */
function causeLines({ parts }: Flow, cause: unknown): string[] {
  if (cause === undefined) return [];
  const { error, at } = parts.describeError(cause) as { error?: string; at?: string };
  return [...(error === undefined ? [] : [error]), ...(at === undefined ? [] : [`at ${at}`])];
}

function logFailure(flow: Flow, error: ProxyError): void {
  const { log } = flow.parts;
  const facts = {
    id: flow.id,
    code: error.code,
    status: error.status,
    ...(flow.hookOwner !== "" && error.source === "hook" ? { hook: flow.hookOwner } : {}),
    ...(flow.target === undefined
      ? {}
      : { upstream: flow.upstreamPlan?.name, target: flow.target }),
  };
  if (error.code === "PROXY_BLOCKED" || error.status < 500) {
    log.debug(facts, error.message);
  } else {
    const cause = error.cause === undefined ? {} : flow.parts.describeError(error.cause);
    log.error({ ...facts, ...cause }, error.message);
  }
}

function errorView(error: ProxyError): ProxyErrorView {
  return {
    code: error.code,
    status: error.status,
    source: error.source,
    message: error.message,
    retryable: error.retryable,
  };
}
