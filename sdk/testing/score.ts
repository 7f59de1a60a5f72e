import type { Score, ScoreEntry } from "../context.ts";
import { decisionTypeError } from "./hook-error.ts";

export class TestScore implements Score {
  readonly entries: ScoreEntry[] = [];
  total: number;

  constructor(total: number) {
    this.total = total;
  }

  add(points: number, reason: string, rule?: string): void {
    if (typeof points !== "number" || !Number.isFinite(points)) {
      throw decisionTypeError("score.add needs a finite number of points");
    }
    if (typeof reason !== "string" || reason === "") {
      throw decisionTypeError("score.add needs a reason");
    }
    this.total += points;
    this.entries.push(rule === undefined ? { points, reason } : { points, reason, rule });
  }
}
