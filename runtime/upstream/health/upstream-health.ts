/**
 * Judges the targets of one upstream: by checks of its own, by how requests go, by a circuit breaker. Each of the three
 * has its own opinion of a target; which of them shows as its state is decided in one place, `#settle`.
 */
import { Deadline, systemClock, type Clock, type DeadlineWheel } from "../../clock.ts";
import type { CreateTargetHealth, HealthBoard, TargetHealth } from "../targets/target-health.ts";
import type { TargetMember } from "../targets/target-member.ts";
import { CheckSchedule, type CheckPlan } from "./check-schedule.ts";
import { createProbe } from "./create-probe.ts";
import { CircuitBreaker, type BreakerChange } from "./circuit-breaker.ts";
import { Ejection } from "./ejection.ts";
import { ErrorCount, isError } from "./error-count.ts";
import type { CheckRule, HealthRules, OutlierRule } from "./health-rules.ts";
import type { HealthState, Outcome } from "./health.ts";
import { LatencySample, tooSlow } from "./latency-sample.ts";
import type { ProbeTerms } from "./probe.ts";
import { SlowStart } from "./slow-start.ts";

export interface UpstreamHealthOptions {
  readonly rules: HealthRules;
  readonly terms: ProbeTerms;
  readonly wheel: DeadlineWheel;
  readonly clock?: Clock | undefined;
  /** For jitter. Default: chance. */
  readonly random?: () => number;
}

/** For a target set: what judges its targets. */
export function createUpstreamHealth(options: UpstreamHealthOptions): CreateTargetHealth {
  return (board) => new UpstreamHealth(board, options);
}

/** What is known of one target. */
interface Judged {
  readonly member: TargetMember;
  /** Why a check says no. */
  down: string | undefined;
  /** Results in a row that say the opposite of `down`. */
  contrary: number;
  readonly ejection: Ejection;
  readonly slowStart: SlowStart;
  /** Ends the time of an open breaker. */
  readonly reopen: Deadline;
  readonly latency: LatencySample;
  errors: ErrorCount | undefined;
  breaker: CircuitBreaker | undefined;
}

/** Latencies are compared at most so often; more rarely where there are many targets. */
const COMPARE_MS = 50;

class UpstreamHealth implements TargetHealth {
  readonly #board: HealthBoard;
  readonly #options: UpstreamHealthOptions;
  readonly #now: () => number;
  #rules: HealthRules;
  readonly #judged = new Map<TargetMember, Judged>();
  #schedule: CheckSchedule | undefined;
  #comparedMs = 0;
  /** Whoever joins now joins others that are at work already. */
  #joinsOthers: boolean | undefined;

  constructor(board: HealthBoard, options: UpstreamHealthOptions) {
    const clock = options.clock ?? systemClock;
    this.#board = board;
    this.#options = options;
    this.#now = () => clock.monotonic();
    this.#rules = options.rules;
    this.#schedule = this.#createSchedule(options.rules.check);
  }

  // --- members ---

  added(member: TargetMember): void {
    const { wheel } = this.#options;
    const { outliers, breaker, slowStartMs } = this.#rules;
    const judged: Judged = {
      member,
      down: undefined,
      contrary: 0,
      ejection: new Ejection(wheel, this.#now, () => this.#settle(judged, "its time out is over")),
      slowStart: new SlowStart(wheel, this.#now, (share) => this.#board.setShare(member, share)),
      reopen: new Deadline(() => {
        judged.breaker?.tryAgain();
        this.#settle(judged, "trial requests may go to it");
      }),
      latency: new LatencySample(),
      errors: outliers && new ErrorCount(outliers),
      breaker: breaker && new CircuitBreaker(breaker),
    };
    // Those that come together share what there is; whoever comes later finds others warm.
    if (this.#joinsOthers === undefined) {
      this.#joinsOthers = this.#judged.size > 0;
      queueMicrotask(() => (this.#joinsOthers = undefined));
    }
    this.#judged.set(member, judged);
    if (this.#joinsOthers && slowStartMs > 0) judged.slowStart.begin(slowStartMs);
    this.#schedule?.add(member);
  }

  removed(member: TargetMember): void {
    const judged = this.#judged.get(member);
    if (judged === undefined) return;
    this.#judged.delete(member);
    this.#stop(judged);
    this.#schedule?.remove(member);
  }

  close(): void {
    this.#schedule?.close();
    this.#schedule = undefined;
    for (const judged of this.#judged.values()) this.#stop(judged);
    this.#judged.clear();
  }

  // --- requests ---

  admits(member: TargetMember): boolean {
    return this.#judged.get(member)?.breaker?.admits ?? true;
  }

  begun(member: TargetMember): void {
    const judged = this.#judged.get(member);
    if (judged === undefined) return;
    judged.breaker?.begun();
    if (this.#rules.outliers?.latency === undefined) return;
    const now = this.#now();
    judged.latency.begun(now);
    this.#compare(now);
  }

  observed(member: TargetMember, outcome: Outcome): void {
    const judged = this.#judged.get(member);
    if (judged === undefined) return;
    const now = this.#now();
    const change = judged.breaker?.observed(outcome, now);
    if (change !== undefined) this.#onBreaker(judged, change);
    const { outliers } = this.#rules;
    if (outliers === undefined || judged.errors === undefined || judged.ejection.isOut) return;
    if (outliers.latency !== undefined && outcome.headMs !== undefined) {
      judged.latency.answered(outcome.headMs);
      this.#compare(now);
    }
    const reason = judged.errors.add(isError(outcome, outliers), now);
    if (reason !== undefined) this.#eject(judged, outliers, reason);
  }

  ended(member: TargetMember): void {
    const judged = this.#judged.get(member);
    if (judged === undefined) return;
    judged.breaker?.ended();
    if (member.active <= 0) judged.latency.rested();
  }

  // --- rules ---

  /** In place: what is known of the targets stays, and so do their states where the new rules have them. */
  setRules(rules: HealthRules): void {
    const before = this.#rules;
    this.#rules = rules;
    this.#replaceSchedule(before.check, rules.check);
    for (const judged of this.#judged.values()) this.#apply(judged, rules);
  }

  #replaceSchedule(before: CheckRule | undefined, after: CheckRule | undefined): void {
    if (this.#schedule !== undefined && after !== undefined && before?.type === after.type) {
      this.#schedule.setPlan(this.#plan(after));
      return;
    }
    this.#schedule?.close();
    this.#schedule = this.#createSchedule(after);
    for (const { member } of this.#judged.values()) this.#schedule?.add(member);
  }

  #apply(judged: Judged, { check, outliers, breaker, slowStartMs }: HealthRules): void {
    if (check === undefined) judged.down = undefined;
    if (outliers === undefined) {
      judged.errors = undefined;
      judged.ejection.cancel();
    } else if (judged.errors === undefined) {
      judged.errors = new ErrorCount(outliers);
    } else {
      judged.errors.setRule(outliers);
    }
    if (outliers?.latency === undefined) judged.latency.clear();
    if (breaker === undefined) {
      judged.breaker = undefined;
      this.#options.wheel.disarm(judged.reopen);
    } else if (judged.breaker === undefined) {
      judged.breaker = new CircuitBreaker(breaker);
    } else {
      judged.breaker.setRule(breaker);
    }
    if (slowStartMs === 0) judged.slowStart.end();
    this.#settle(judged, "the config has changed");
  }

  // --- checks ---

  #createSchedule(rule: CheckRule | undefined): CheckSchedule | undefined {
    if (rule === undefined) return undefined;
    const board = this.#board;
    return new CheckSchedule(this.#plan(rule), {
      wheel: this.#options.wheel,
      random: this.#options.random ?? Math.random,
      isDown: (member) => this.#isDown(member),
      // A TCP check is for connections that lie idle, and for finding out that a target is back.
      wanted: (member) =>
        this.#rules.check?.type !== "tcp" || this.#isDown(member) || board.hasIdle(member),
      takePlace: (member) => board.takePlace(member),
      givePlace: (member) => board.givePlace(member),
      onResult: (member, failure) => this.#onCheck(member, failure),
    });
  }

  #plan(rule: CheckRule): CheckPlan {
    return {
      ...rule,
      probe: createProbe(rule, this.#options.terms),
      needsPlace: rule.type !== "function",
      startsSoon: rule.type !== "tcp",
    };
  }

  #isDown(member: TargetMember): boolean {
    return this.#judged.get(member)?.down !== undefined;
  }

  #onCheck(member: TargetMember, failure: string | undefined): void {
    const judged = this.#judged.get(member);
    const rule = this.#rules.check;
    if (judged === undefined || rule === undefined) return;
    if (failure !== undefined) {
      this.#board.noteError(member, `health check: ${failure}`);
      // Connections to a target that takes none any more are of no use, whatever the threshold.
      if (rule.type === "tcp") this.#board.closeIdle(member);
    }
    if ((failure !== undefined) === (judged.down !== undefined)) {
      judged.contrary = 0;
      return;
    }
    judged.contrary += 1;
    const threshold = failure === undefined ? rule.healthyThreshold : rule.unhealthyThreshold;
    if (judged.contrary < threshold) return;
    judged.contrary = 0;
    judged.down = failure;
    if (failure !== undefined) this.#board.closeIdle(member);
    this.#settle(
      judged,
      failure === undefined ? "its health check passes" : `health check: ${failure}`,
    );
  }

  // --- outliers ---

  #eject(judged: Judged, rule: OutlierRule, reason: string): void {
    if (!this.#mayEject(judged, rule)) return;
    const ms = judged.ejection.begin(rule);
    judged.errors?.clear();
    judged.latency.clear();
    this.#settle(judged, `${reason}; left out for ${Math.round(ms / 100) / 10} s`);
  }

  /** Those that are out for other reasons count: what matters is how many are left. */
  #mayEject({ member }: Judged, { maxEjected }: OutlierRule): boolean {
    const { members } = this.#board;
    let out = 1;
    for (const other of members) {
      if (other !== member && other.state !== "up" && other.state !== "half-open") out += 1;
    }
    return out <= members.length * maxEjected;
  }

  #compare(now: number): void {
    const rule = this.#rules.outliers;
    if (rule?.latency === undefined) return;
    if (now - this.#comparedMs < Math.max(COMPARE_MS, this.#judged.size)) return;
    this.#comparedMs = now;
    const inUse = [...this.#judged.values()].filter(({ member }) => member.state === "up");
    const latencies = inUse.map(({ latency }) => latency.latencyMs(now));
    for (const slow of tooSlow(latencies, rule.latency.factor, rule.latency.minMs)) {
      const judged = inUse[slow.at];
      if (judged === undefined) continue;
      const [own, others] = [slow.latencyMs, slow.othersMs].map((ms) => Math.round(ms));
      this.#eject(judged, rule, `${own} ms to a response where the others take ${others} ms`);
    }
  }

  // --- circuit breaker ---

  #onBreaker(judged: Judged, { to, reason }: BreakerChange): void {
    const { wheel } = this.#options;
    if (to === "open") wheel.arm(judged.reopen, this.#rules.breaker?.openMs ?? 0);
    this.#settle(judged, reason);
  }

  // --- all of it ---

  #settle(judged: Judged, reason: string): void {
    const { member, slowStart } = judged;
    const before = member.state;
    const state = stateOf(judged);
    if (state === before) return;
    this.#board.setState(member, state, reason);
    const { slowStartMs } = this.#rules;
    if (state === "up" && slowStartMs > 0) slowStart.begin(slowStartMs);
    if ((state === "down") !== (before === "down")) this.#schedule?.reschedule(member);
  }

  #stop(judged: Judged): void {
    judged.ejection.cancel();
    judged.slowStart.stop();
    this.#options.wheel.disarm(judged.reopen);
  }
}

/** The one that says most. Nothing at all goes to an open breaker, not even while health is not believed. */
function stateOf({ down, ejection, breaker }: Judged): HealthState {
  if (breaker?.phase === "open") return "open";
  if (down !== undefined) return "down";
  if (ejection.isOut) return "ejected";
  return breaker?.phase === "half-open" ? "half-open" : "up";
}
