/** Tests of configs and plugins in process: see docs/testing.md. */
export { createTestClock } from "./test-clock.ts";
export type { TestClock, TestClockOptions } from "./test-clock.ts";
export { createTestProxy } from "./test-proxy.ts";
export type { ExplainInit, TestProxy, TestProxyOptions } from "./test-proxy.ts";
export type { TestConfig } from "./test-config.ts";
export type { Fake, FakeApp, FakeCall, FakeContext, FakeFetch, FakeUpstream } from "./fakes.ts";
export type { LogLine } from "./test-log.ts";
export type { TestClient, TestRequestInit } from "./web-request.ts";
