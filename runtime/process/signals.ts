/**
 * Signals of the process: SIGHUP reloads, SIGTERM and SIGINT drain. A second one of those does not wait any longer and
 * exits with 1, so that whoever supervises the process can tell a forced end from an orderly one.
 */
export interface SignalActions {
  reload(): void;
  /** Resolves when everything is finished and disposed of. */
  drain(): Promise<void>;
  exit(code: number): void;
  onSignal(signal: NodeJS.Signals, meaning: "reload" | "drain" | "force"): void;
}

const ENDING: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT"];

/** Returns what removes the listeners. */
export function listenForSignals(actions: SignalActions): () => void {
  let ending = false;
  const onHangUp = (): void => {
    actions.onSignal("SIGHUP", "reload");
    actions.reload();
  };
  const onEnd = (signal: NodeJS.Signals): void => {
    actions.onSignal(signal, ending ? "force" : "drain");
    if (ending) {
      actions.exit(1);
      return;
    }
    ending = true;
    actions.drain().then(
      () => actions.exit(0),
      () => actions.exit(1),
    );
  };
  process.on("SIGHUP", onHangUp);
  for (const signal of ENDING) process.on(signal, onEnd);
  return () => {
    process.off("SIGHUP", onHangUp);
    for (const signal of ENDING) process.off(signal, onEnd);
  };
}
