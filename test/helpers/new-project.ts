import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { projectFiles, type ProjectKind } from "../../runtime/cli/project/project-files.ts";

/** What `gatewright init` writes, without the command. */
export function writeProject(dir: string, kind?: ProjectKind): void {
  for (const [file, text] of projectFiles("project", kind)) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text);
  }
}
