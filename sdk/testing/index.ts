/** Hooks in tests, one at a time and without a proxy: see docs/testing.md. */
export { makeContext } from "./context.ts";
export type {
  ContextOptions,
  ContextRecord,
  FetchStub,
  LimitStub,
  TestContext,
} from "./context-options.ts";
export type { LoggedLine } from "./log.ts";
export { makePluginEnv } from "./plugin-env.ts";
export type { PluginEnvOptions, TestPluginEnv } from "./plugin-env.ts";
export { makeRequest } from "./request.ts";
export type { RequestInit as TestRequestInit } from "./request.ts";
export { makeResponse } from "./response.ts";
export type { ResponseInit as TestResponseInit, TestResponse } from "./response.ts";
export { runHook } from "./run-hook.ts";
