import type { FetchExecutionContext } from "@gatewright/sdk";

let visits = 0;

/** A module of the shape that Workers-style platforms run. */
export default {
  fetch(request: Request, _env: unknown, ctx: FetchExecutionContext): Response {
    // Goes on after the response; at shutdown it gets the time of the drain.
    ctx.waitUntil(count());
    return new Response(
      `Worker asked for ${new URL(request.url).pathname}, visits before: ${visits}\n`,
    );
  },
};

async function count(): Promise<void> {
  await Promise.resolve();
  visits += 1;
}
