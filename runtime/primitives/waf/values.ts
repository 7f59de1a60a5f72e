import type { WafCollection } from "./rule.ts";

/** How much is looked at. What lies beyond is an anomaly, never a free pass. */
export interface InspectBounds {
  /** Values of one phase. */
  readonly maxValues: number;
  /** Levels of JSON, XML and GraphQL. */
  readonly maxDepth: number;
  /** Characters of one value. */
  readonly maxValueLength: number;
}

/** Something that two readers might read differently, or that is too much to be read. */
export type Anomaly =
  | "charset"
  | "content-coding"
  | "content-too-large"
  | "content-type-repeated"
  | "form-invalid"
  | "graphql-invalid"
  | "json-depth"
  | "json-duplicate-key"
  | "json-invalid"
  | "multipart-invalid"
  | "percent-invalid"
  | "too-long"
  | "too-many-values"
  | "value-too-long"
  | "xml-doctype"
  | "xml-invalid";

/** A text that was scanned when it was read. Its value and its place are put together only if a rule needs them. */
export interface ScannedText {
  /** As `detect/characters.ts` tells them. */
  readonly classes: number;
  readonly groups: number;
  /** Not less than its characters. */
  readonly bytes: number;
  readonly value: string;
  /** Its name. */
  readonly path: string;
  /** Of the name, -1: not known. */
  readonly pathLength: number;
}

/** Gets what the parsers find. */
export interface ValueSink {
  /** As `value`. */
  scanned(collection: WafCollection, text: ScannedText): void;
  value(collection: WafCollection, name: string, value: string): void;
  anomaly(name: Anomaly, place: string): void;
  readonly bounds: InspectBounds;
  /** No more values are wanted. */
  readonly isFull: boolean;
}
