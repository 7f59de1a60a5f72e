import { arch, platform } from "node:process";

/** A package that could not be loaded, said in one sentence with what to do. */
export class PackageError extends Error {
  readonly fix: string;

  constructor(message: string, fix: string, cause: unknown) {
    super(message, { cause });
    this.name = "PackageError";
    this.fix = fix;
  }
}

/** What Node throws when it loads a package, for the author of the config: which package, why, and what helps. */
export function toPackageError(name: string, error: unknown): PackageError {
  const { code, message } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  const text = message ?? String(error);
  const failed = (reason: string, fix: string): PackageError =>
    new PackageError(`The package "${name}" cannot be loaded: ${reason}.`, fix, error);
  if (code === "ERR_REQUIRE_ASYNC_MODULE") {
    return failed(
      "it, or something that it imports, uses top-level await",
      "Use a version without it; its author can await in `setup` instead.",
    );
  }
  if (code === "ERR_DLOPEN_FAILED" || /\.node'?(?:$|\n)/.test(text)) {
    const here = `Node ${process.versions.node} on ${platform} ${arch}`;
    return failed(
      `its native part is missing or was not built for ${here}`,
      `Run \`npm rebuild ${name}\` here, or install it anew on this machine.`,
    );
  }
  const missing = /^Cannot find (?:package|module) '([^']+)'/.exec(text)?.[1];
  if (missing !== undefined && !/^[./]/.test(missing)) {
    return failed(`it needs "${missing}", which is not installed`, `npm install ${missing}`);
  }
  return failed(
    `it threw ${text.split("\n", 1)[0]?.replace(/\.$/, "")}`,
    `Look into its documentation for what it needs, or use another version of ${name}.`,
  );
}
