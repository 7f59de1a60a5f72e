import { isProxyError, ProxyError } from "../errors.ts";
import { isWebResponse } from "../http/web-response.ts";
import type { Flow } from "./flow.ts";
import type { HookChains, NamedHook } from "./parts.ts";

/**
 * One phase of user code, described once for all requests: which hooks, how each is called, what its value means.
 * Constants, so that running a chain allocates nothing.
 */
export interface HookPhase<F> {
  readonly name: string;
  hooks(chains: HookChains, flow: Flow): readonly NamedHook<F>[];
  call(flow: Flow, hook: NamedHook<F>): unknown;
  /** A hook returned something. True: go on with the next hook. */
  accept(flow: Flow, value: unknown, hook: NamedHook<F>): boolean;
  /** Every hook has run. */
  done(flow: Flow): void;
  failed(flow: Flow, error: ProxyError): void;
}

/**
 * Runs the hooks of a phase from `index` on. Stays synchronous until a hook returns a promise; from there it goes on
 * when the promise settles, unless the flow has moved on meanwhile (client gone, time limit).
 */
export function runHooks<F>(flow: Flow, phase: HookPhase<F>, index: number): void {
  const hooks = phase.hooks(flow.parts.hooks, flow);
  const began = flow.parts.clock.monotonic();
  for (let i = index; i < hooks.length; i++) {
    const hook = hooks[i] as NamedHook<F>;
    flow.hookOwner = hook.owner;
    let value: unknown;
    try {
      value = phase.call(flow, hook);
    } catch (error) {
      phase.failed(flow, hookError(error, phase.name, hook.owner));
      return;
    }
    if (value === undefined || value === null) continue;
    if (isThenable(value)) {
      flow.hookMs += flow.parts.clock.monotonic() - began;
      awaitHook(flow, phase, i, value);
      return;
    }
    if (!accepted(flow, phase, value, hook)) return;
  }
  flow.hookMs += flow.parts.clock.monotonic() - began;
  phase.done(flow);
}

function awaitHook<F>(
  flow: Flow,
  phase: HookPhase<F>,
  index: number,
  promise: PromiseLike<unknown>,
): void {
  const hook = phase.hooks(flow.parts.hooks, flow)[index] as NamedHook<F>;
  const turn = flow.turn;
  flow.armHookDeadline();
  promise.then(
    (value) => {
      if (flow.turn !== turn) {
        // Too late: nobody will read it, so its connection must not wait for a reader.
        if (isWebResponse(value)) value.body?.cancel().catch(() => {});
        return;
      }
      flow.disarmHookDeadline();
      try {
        if (value !== undefined && value !== null) {
          flow.hookOwner = hook.owner;
          if (!accepted(flow, phase, value, hook)) return;
        }
        runHooks(flow, phase, index + 1);
      } catch (error) {
        flow.failInternal(error);
      }
    },
    (error: unknown) => {
      if (flow.turn !== turn) return;
      flow.disarmHookDeadline();
      try {
        phase.failed(flow, hookError(error, phase.name, hook.owner));
      } catch (failure) {
        flow.failInternal(failure);
      }
    },
  );
}

function accepted<F>(flow: Flow, phase: HookPhase<F>, value: unknown, hook: NamedHook<F>): boolean {
  try {
    return phase.accept(flow, value, hook);
  } catch (error) {
    phase.failed(flow, hookError(error, phase.name, hook.owner));
    return false;
  }
}

/**
 * Our own refusals pass as they are (content too large, capability off); whatever else a hook throws is its failure,
 * strings and `null` included. The owner's name is for the log only.
 */
function hookError(error: unknown, phase: string, owner: string): ProxyError {
  if (isProxyError(error)) return error;
  return new ProxyError("PROXY_HOOK_FAILED", {
    cause: error,
    message: `${phase} of ${owner} failed`,
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { then?: unknown }).then === "function"
  );
}
