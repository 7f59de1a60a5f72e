import type { WriteStream } from "node:tty";

/** Whether to colour what goes there: FORCE_COLOR where it is set, unless NO_COLOR is too; else what the terminal can. */
export function hasColor(stream: WriteStream): boolean {
  if (process.env["FORCE_COLOR"] !== undefined && process.env["NO_COLOR"] === undefined) {
    return process.env["FORCE_COLOR"] !== "0";
  }
  return stream.isTTY && stream.hasColors();
}
