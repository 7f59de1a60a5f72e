/** Bytes that contents take at present, and how many they may. */
export interface HeldStatus {
  /** Contents of requests in memory (`requestContent.budget`). */
  readonly requestMemory: Share;
  /** Contents of requests in spill files. */
  readonly requestDisk: Share;
  /** What waits for clients (`responseContent.budget`). */
  readonly responses: Share;
}

interface Share {
  readonly bytes: number;
  readonly budget: number;
}
