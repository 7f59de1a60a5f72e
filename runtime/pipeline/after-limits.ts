import { passChallenge } from "./challenge.ts";
import { answerChallengePath } from "./challenge-endpoints.ts";
import type { Flow } from "./flow.ts";
import { runRequestHooks } from "./request-phase.ts";

/** From step 6 on: our own addresses are answered, suspects need a clearance, and then it is the hooks' turn. */
export function afterLimits(flow: Flow): void {
  const { challenge } = flow.parts;
  if (challenge === undefined) {
    runRequestHooks(flow);
  } else if (flow.isOwn) {
    answerChallengePath(flow, challenge);
  } else if (passChallenge(flow, challenge, runRequestHooks)) {
    runRequestHooks(flow);
  }
}
