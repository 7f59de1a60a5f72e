import { ProxyError } from "../errors.ts";
import { safeLocation } from "../http/location.ts";
import type { Flow } from "./flow.ts";

/** A route's redirect: `:name` and `*` stand for what the path pattern caught; the query is kept unless the target has one. */
export function routeRedirect(flow: Flow, to: string, status: number): void {
  let target = to.replace(/(?<=\/):([A-Za-z_][A-Za-z0-9_]*)|\*/g, (whole, name?: string) => {
    const value = flow.params[name ?? "*"];
    return value ?? whole;
  });
  if (!target.includes("?") && !target.includes("#")) target += flow.rawSearch;
  const location = safeLocation(target);
  if (location === undefined) {
    flow.fail(
      new ProxyError("PROXY_INTERNAL", {
        message: `the redirect of route ${flow.routePlan?.name ?? ""} gives no valid Location`,
      }),
    );
    return;
  }
  flow.respond(status, ["Location", location], undefined, "route");
}
