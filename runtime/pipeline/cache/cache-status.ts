import { cacheStatusMember, type CacheStatus } from "../../http/cache-status.ts";
import type { RawFields } from "../../http/raw-fields.ts";
import type { Flow } from "../flow.ts";

/**
 * One more member of Cache-Status (RFC 9211): how it was answered, and why not from the store. `heuristic`: nobody has
 * said that it is fresh for so long.
 */
export function addCacheStatus(
  flow: Flow,
  fields: RawFields,
  ttl?: number,
  heuristic = false,
): void {
  const use = flow.cacheUse;
  if (use === undefined) return;
  const life = ttl === undefined ? {} : heuristic ? { ttl, detail: "heuristic" as const } : { ttl };
  const { forwarded } = use;
  const answered: CacheStatus =
    use.status === "hit" || use.status === "stale"
      ? { hit: true }
      : use.status === "revalidated"
        ? { forwarded, forwardedStatus: 304, stored: true }
        : use.status === "joined"
          ? { forwarded, collapsed: true }
          : use.notStored === undefined
            ? { forwarded, stored: true }
            : { forwarded, detail: use.notStored };
  fields.push("Cache-Status", cacheStatusMember("gatewright", { ...answered, ...life }));
}
