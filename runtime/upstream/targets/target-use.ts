import type { ProxyError } from "../../errors.ts";
import { targetAddress, type Target } from "../target.ts";
import type { UpstreamReceiver, UpstreamRequest } from "../upstream.ts";
import type { TargetMember } from "./target-member.ts";
import type { TargetSet } from "./target-set.ts";

/** What a request is sent on: a connection keeps the target that it was opened to. */
export interface TargetPlace {
  readonly member: TargetMember;
  readonly target: Target;
}

/**
 * A request's use of one target after the other: counted among the target's own from `enter` to `leave`, told to its
 * health, and announced to the receiver, once for each attempt.
 */
export class TargetUse {
  readonly #targets: TargetSet;
  #member: TargetMember | null = null;
  #announced = false;
  #startedAt = 0;

  constructor(targets: TargetSet) {
    this.#targets = targets;
  }

  enter(member: TargetMember): void {
    this.leave();
    this.#member = member;
    this.#announced = false;
    this.#startedAt = this.#targets.now();
    this.#targets.begun(member);
  }

  leave(): void {
    const member = this.#member;
    this.#member = null;
    if (member !== null) this.#targets.ended(member);
  }

  observe(status: number | undefined, failed: boolean): void {
    if (this.#member === null) return;
    const headMs = status === undefined ? undefined : this.#targets.now() - this.#startedAt;
    this.#targets.observed(this.#member, { status, failed, headMs });
  }

  /** If the failure is the target's: not the client's content, not our own mistake, not a connection that grew old. */
  blame(error: ProxyError): void {
    if (this.#member === null || error.source !== "upstream") return;
    if (error.code === "PROXY_UPSTREAM_STALE" || error.code === "PROXY_UPSTREAM_CLOSED") return;
    this.#targets.noteError(this.#member, error.message);
    this.observe(undefined, true);
  }

  /** Tells the receiver where its request goes, and throws what it throws. */
  announce(place: TargetPlace, request: UpstreamRequest, receiver: UpstreamReceiver): void {
    if (this.#announced) return;
    this.#announced = true;
    const cookie = this.#targets.setCookie(request, place.member);
    receiver.onTarget(targetAddress(place.target), cookie);
  }
}
