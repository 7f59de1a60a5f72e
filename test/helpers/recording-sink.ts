import type {
  Anomaly,
  InspectBounds,
  ScannedText,
  ValueSink,
} from "../../runtime/primitives/waf/values.ts";

/** Writes down what a parser of the WAF finds. */
export class RecordingSink implements ValueSink {
  /** `COLLECTION:name=value`. */
  readonly found: string[] = [];
  readonly anomalies: Anomaly[] = [];
  readonly bounds: InspectBounds;

  constructor(bounds: Partial<InspectBounds> = {}) {
    this.bounds = { maxValues: 100, maxDepth: 16, maxValueLength: 65_536, ...bounds };
  }

  get isFull(): boolean {
    return this.found.length >= this.bounds.maxValues;
  }

  value(collection: string, name: string, value: string): void {
    this.found.push(name === "" ? `${collection}=${value}` : `${collection}:${name}=${value}`);
  }

  scanned(collection: string, { path, value }: ScannedText): void {
    this.value(collection, path, value);
  }

  anomaly(name: Anomaly): void {
    this.anomalies.push(name);
  }
}
