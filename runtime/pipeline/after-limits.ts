import { passChallenge } from "./challenge.ts";
import { answerChallengePath } from "./challenge-endpoints.ts";
import type { Flow } from "./flow.ts";
import { runRequestHooks } from "./request-phase.ts";
import { createWafPhase, passWafHead } from "./waf.ts";

const WAF_HEAD = createWafPhase(afterWaf);

/** From step 5 on: attacks are refused, our own addresses are answered, suspects need a clearance, and then it is the hooks' turn. */
export function afterLimits(flow: Flow): void {
  const { waf } = flow.parts;
  if (waf === undefined || flow.isOwn || passWafHead(flow, waf, WAF_HEAD)) afterWaf(flow);
}

function afterWaf(flow: Flow): void {
  const { challenge } = flow.parts;
  if (challenge === undefined) {
    runRequestHooks(flow);
  } else if (flow.isOwn) {
    answerChallengePath(flow, challenge);
  } else if (passChallenge(flow, challenge, runRequestHooks)) {
    runRequestHooks(flow);
  }
}
