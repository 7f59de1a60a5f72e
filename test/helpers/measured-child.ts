/** Loaded into a proxy under test (`--import`): collects its garbage and tells its sizes when asked over the channel. */
import { readdirSync } from "node:fs";

declare const gc: () => void;

process.on("message", (wanted) => {
  if (wanted !== "measure") return;
  void collected().then(() => {
    process.send?.({
      kind: "measured",
      heapBytes: process.memoryUsage().heapUsed,
      openFiles: readdirSync("/proc/self/fd").length,
    });
  });
});
// The channel must not keep a proxy alive that has nothing else to do.
process.channel?.unref();

/** Several times: what finalizers let go of is collected by the next one. */
async function collected(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
