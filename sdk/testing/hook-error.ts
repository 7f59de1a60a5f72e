/** As the runtime throws them: a request whose hook lets one pass ends with 500. */
export interface HookError extends Error {
  readonly code: string;
  readonly status: number;
  readonly source: "hook";
}

export function fieldError(message: string): TypeError & HookError {
  return withCode(new TypeError(message), "PROXY_HOOK_FIELD");
}

export function decisionTypeError(message: string): TypeError & HookError {
  return withCode(new TypeError(message), "PROXY_HOOK_DECISION");
}

export function decisionRangeError(message: string): RangeError & HookError {
  return withCode(new RangeError(message), "PROXY_HOOK_DECISION");
}

export function decisionError(message: string): HookError {
  return withCode(new Error(message), "PROXY_HOOK_DECISION");
}

export function switchedOff(name: string, option: string): HookError {
  const message = `${name} needs \`${option}\`, which is switched off`;
  return withCode(new Error(message), "PROXY_CAPABILITY_OFF");
}

function withCode<E extends Error>(error: E, code: string): E & HookError {
  return Object.assign(error, { code, status: 500, source: "hook" as const });
}
