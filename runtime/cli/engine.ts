import type { ConfigEnv } from "@gatewright/sdk";

import { createAccessLog } from "../access-log.ts";
import { createConfigLoader, type ConfigLoader } from "../config/load.ts";
import { createStackMapper, type StackMapper } from "../config/stack-mapper.ts";
import { createProvision, type Provision } from "../generation/provision.ts";
import type { RootLog } from "../log.ts";

/** What every command that loads a config is made of. */
export interface Engine {
  readonly source: ConfigLoader;
  readonly provision: Provision;
  readonly stackMapper: StackMapper;
}

export function createEngine(file: string, command: ConfigEnv["command"], log: RootLog): Engine {
  const stackMapper = createStackMapper();
  return {
    source: createConfigLoader({ file, command, env: process.env, log, stackMapper }),
    provision: createProvision({
      accessLog: createAccessLog(log),
      describeError: (error) => stackMapper.errorFields(error),
    }),
    stackMapper,
  };
}
