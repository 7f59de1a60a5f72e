import { join } from "node:path";
import { tmpdir } from "node:os";

import {
  ContentBudget,
  type ContentBudgetLimits,
} from "../../runtime/primitives/content-buffer/content-budget.ts";
import type { ContentStore } from "../../runtime/primitives/content-buffer/request-buffer.ts";
import { createSpillFolder } from "../../runtime/primitives/content-buffer/spill-file.ts";

/** A store for buffers under test; its folder is made by the first file. */
export function contentStore(
  limits: Partial<ContentBudgetLimits> = {},
  folder: string = join(tmpdir(), `gatewright-spill-${process.pid}`),
): ContentStore {
  return {
    budget: new ContentBudget({
      memoryBytes: 1024 ** 2,
      diskBytes: 1024 ** 2,
      clientShare: 1,
      ...limits,
    }),
    spill: createSpillFolder(folder),
  };
}
