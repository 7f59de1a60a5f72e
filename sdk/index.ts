export type {
  BalanceAlgorithm,
  BalanceConfig,
  BalanceKey,
  HashBalance,
  MirrorConfig,
  PickTarget,
  SplitUpstream,
  StickyBalance,
  StickyCookieConfig,
} from "./balance.ts";
export type { CacheConfig, CacheView, PurgeSelection, RouteCacheConfig } from "./cache-config.ts";
export type {
  CompressionConfig,
  CompressionEncoding,
  ResponseCompression,
} from "./compression-config.ts";
export { defineConfig } from "./config.ts";
export type {
  AcmeConfig,
  AdminConfig,
  CertificateConfig,
  CertificateFolder,
  ClientCertificatesConfig,
  ConfigEnv,
  ContentBudgetConfig,
  ConfigInput,
  FetchExecutionContext,
  FetchUpstream,
  FieldRules,
  GatewrightConfig,
  HeaderRules,
  Http2LimitsConfig,
  LimitsConfig,
  ListenConfig,
  LogConfig,
  NetworkUpstream,
  Rewrite,
  RequestContentConfig,
  ResponseContentConfig,
  RouteConfig,
  RouteMatch,
  ResolveConfig,
  TargetConfig,
  TimeoutsConfig,
  TlsConfig,
  TlsHostConfig,
  UpstreamConfig,
  UpstreamTimeouts,
  UpstreamTlsConfig,
  ValueMatch,
} from "./config.ts";
export type {
  BreakerConfig,
  ErrorRateConfig,
  ExpectedStatus,
  FunctionHealthCheck,
  HealthCheckConfig,
  HealthCheckFunction,
  HealthCheckTarget,
  HealthCheckTimes,
  HttpHealthCheck,
  LatencyOutlierConfig,
  OutlierConfig,
  TcpHealthCheck,
} from "./health.ts";
export type {
  ClientCertificate,
  ClientInfo,
  Context,
  HookLog,
  RequestState,
  Score,
  ScoreEntry,
  SubrequestInit,
  TargetView,
  UpstreamView,
} from "./context.ts";
export type {
  BlockDecision,
  ChallengeDecision,
  DropDecision,
  ErrorDecision,
  ForwardDecision,
  ForwardOptions,
  RequestDecision,
  RespondDecision,
  ResponseDecision,
} from "./decisions.ts";
export type { BodyInput, HeaderFields, HeadersInput, ReadonlyHeaderFields } from "./headers.ts";
export type { AccessRecord, Hooks, ProxyErrorView } from "./hooks.ts";
export type {
  ChallengeBinding,
  ChallengeConfig,
  ChallengeFacts,
  ChallengePolicyConfig,
  ChallengePresentation,
  ChallengeProvider,
  KnownBot,
  RemoteChallenge,
} from "./challenge-config.ts";
export type { LoadView } from "./load.ts";
export { definePlugin } from "./plugin.ts";
export type { Plugin, PluginEnv } from "./plugin.ts";
export type { ProxyRequest, RequestView } from "./request.ts";
export type { ProxyResponse, TransformFunction } from "./response.ts";
export type {
  BlocklistConfig,
  CrowdSecSource,
  IpListConfig,
  IpListView,
} from "./ip-list-config.ts";
export type {
  LimitOutcome,
  RateLimitConfig,
  RateLimitKey,
  RateLimitMode,
} from "./rate-limit-config.ts";
export type {
  HedgeConfig,
  RetryBudgetConfig,
  RetryConfig,
  RetryDecision,
  RetryFailure,
  RetryFunction,
} from "./retry.ts";
export type { Duration, MaybePromise, Size } from "./units.ts";
export type {
  WafConfig,
  WafExclusion,
  WafMatch,
  WafResponseConfig,
  WafView,
} from "./waf-config.ts";
export type { WafRuleId, WafTag } from "./waf-rule-id.ts";
export type {
  WafCollection,
  WafCondition,
  WafFinding,
  WafNeeds,
  WafOperator,
  WafRule,
  WafSeverity,
  WafTransformation,
  WafVariable,
} from "./waf-rule.ts";
