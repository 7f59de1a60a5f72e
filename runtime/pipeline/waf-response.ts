import { Deadline } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import { parseCodings } from "../http/content-codings.ts";
import { mediaTypeEssence } from "../http/media-type.ts";
import { fieldValue, type ReadonlyRawFields } from "../http/raw-fields.ts";
import { decodedBeginning } from "../primitives/content-coding/coding.ts";
import type { Flow } from "./flow.ts";
import type { OutgoingResponse } from "./outgoing-response.ts";
import type { UpstreamContent } from "./upstream-content.ts";
import { reasonOf, ruleFailed, takeMatches, wafPlanFor } from "./waf.ts";
import { WafUse, type WafParts, type WafPlan } from "./waf-plan.ts";

/** An answer that comes in drops goes on with what has come until then. */
const HOLD_MS = 500;

const TEXT =
  /^(?:text\/(?!event-stream)|application\/(?:json|xml|javascript|x-httpd-php|[\w.-]+\+(?:json|xml))$)/;

/**
 * What an upstream answers, before it is stored or a hook sees it: the head, and of texts the beginning, which waits here.
 * Returns true if the answer goes on now.
 */
export function passWafResponse(flow: Flow, parts: WafParts): boolean {
  const plan = wafPlanFor(flow, parts);
  if (plan?.response === undefined) return true;
  const { fields } = flow.response as OutgoingResponse;
  const content = flow.upstreamContent;
  if (content === undefined || !isText(fields)) return judge(flow, plan, "");
  hold(flow, plan, plan.response.maxInspectBytes, content);
  return false;
}

function hold(flow: Flow, plan: WafPlan, bytes: number, content: UpstreamContent): void {
  const { turn } = flow;
  let isLooked = false;
  const look = (): void => {
    flow.parts.wheel.disarm(deadline);
    if (isLooked || flow.turn !== turn || flow.upstreamContent !== content) return;
    isLooked = true;
    const { fields } = flow.response as OutgoingResponse;
    const codings = parseCodings(fieldValue(fields, "content-encoding"));
    const beginning = Buffer.concat(content.waiting);
    if (codings?.length === 0) {
      goOn(flow, plan, beginning.subarray(0, bytes));
      return;
    }
    void decodedBeginning(beginning, codings ?? [], bytes).then((text) => {
      if (flow.turn === turn) goOn(flow, plan, codings === undefined ? NO_BYTES : text);
    });
  };
  const deadline = new Deadline(look);
  flow.parts.wheel.arm(deadline, HOLD_MS);
  content.peek(bytes, look);
}

function goOn(flow: Flow, plan: WafPlan, beginning: Uint8Array): void {
  try {
    if (judge(flow, plan, Buffer.from(beginning).toString("utf8"))) flow.runUpstreamResponseHooks();
  } catch (error) {
    flow.failInternal(error);
  }
}

function judge(flow: Flow, plan: WafPlan, text: string): boolean {
  const { status, fields } = flow.response as OutgoingResponse;
  let use = flow.wafUse;
  try {
    const inspection = plan.engine.inspectResponse(flow.normalizedPath, { status, fields, text });
    if (inspection.matches.length === 0) return true;
    use ??= new WafUse(plan, inspection);
    flow.wafUse = use;
    takeMatches(flow, use, inspection, "response");
    if (plan.mode === "flag" || use.isLet || inspection.score < (plan.response?.threshold ?? 0)) {
      return true;
    }
  } catch (cause) {
    flow.fail(ruleFailed(cause));
    return false;
  }
  const found = use.matches.filter(({ phase }) => phase === "response");
  flow.blockReason = reasonOf(found);
  const places = found.map(({ rule, place }) => `${rule} at ${place}`).join("; ");
  flow.fail(
    new ProxyError("PROXY_WAF_RESPONSE_BLOCKED", {
      message: `the WAF withheld the answer: ${places}`,
    }),
  );
  return false;
}

/** Events are live, and what has no type may be anything. */
function isText(fields: ReadonlyRawFields): boolean {
  const type = fieldValue(fields, "content-type");
  const essence = type === undefined ? undefined : mediaTypeEssence(type);
  return essence === undefined || TEXT.test(essence);
}

const NO_BYTES = new Uint8Array(0);
