import { createRequire } from "node:module";

/** This package's version. By its own name, so that sources and the build find the same file. */
export const VERSION: string = (
  createRequire(import.meta.url)("gatewright/package.json") as { version: string }
).version;
