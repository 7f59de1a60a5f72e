import { Command, InvalidArgumentError, Option } from "commander";

import { VERSION } from "../process/version.ts";
import { DEFAULT_CONFIG } from "./config-file.ts";
import { runInit, type InitFlags } from "./init.ts";
import { withJsonFailure } from "./json-failure.ts";
import type { ListFlags } from "./list.ts";
import { PROJECT_KINDS } from "./project/project-files.ts";
import type { PurgeFlags } from "./purge.ts";
import type { ExitCode, Terminal } from "./terminal.ts";

interface ServeFlags {
  readonly config?: string;
  readonly watch: boolean;
  readonly workers?: number;
  readonly port?: number;
  readonly host?: string;
  readonly json?: boolean;
}

/**
 * `done` gets what a command ends with; `undefined` for one that goes on running.
 *
 * What loads the engine is imported by the command that needs it: help and `init` are there at once.
 */
export function createProgram(
  terminal: Terminal,
  cwd: string,
  done: (code: ExitCode | undefined) => void,
): Command {
  const program = new Command("gatewright")
    .description("A reverse proxy that people script in TypeScript.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [COMMAND]", "print help of a command")
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, "gatewright: ")),
      getOutHasColors: () => terminal.outColor,
      getErrHasColors: () => terminal.errColor,
    })
    .addHelpText(
      "after",
      "\nExit codes: 0 ok, 1 failed while running, 2 bad usage or config." +
        "\n\nStart here:\n  gatewright init my-proxy\n",
    );

  const serve = async (mode: "dev" | "start", flags: ServeFlags): Promise<void> => {
    const { runProxy } = await import("./serve.ts");
    done(await withJsonFailure(terminal, flags, (to) => runProxy(to, cwd, { ...flags, mode })));
  };

  serveCommand(
    program,
    "dev",
    "run the proxy for development: pretty lines, reload reports, broken configs shown in the browser",
  ).action((flags: ServeFlags) => serve("dev", flags));

  serveCommand(
    program,
    "start",
    "run the proxy; drains on SIGTERM and SIGINT, reloads on SIGHUP",
  ).action((flags: ServeFlags) => serve("start", flags));

  program
    .command("check")
    .description("load, validate and type-check the config, look for routes that are never reached")
    .addOption(configOption())
    .option("--no-types", "skip the type check")
    .option("--json", "print the result as JSON")
    .action(async (flags: { config?: string; types: boolean; json?: boolean }) => {
      const { runCheck } = await import("./check.ts");
      done(await withJsonFailure(terminal, flags, (to) => runCheck(to, cwd, flags)));
    });

  program
    .command("explain")
    .description("say what would happen to a request, and why; nothing is sent to an upstream")
    .argument("<METHOD>", "for example GET")
    .argument("<URL>", "absolute, or a path on the config's first listener")
    .addOption(
      manyOption("-H, --header <LINE>", "a header field, 'name: value'; may be given again"),
    )
    .option("--client <ADDRESS>", "the client's address", "127.0.0.1")
    .addOption(
      manyOption(
        "--response <LINE>",
        "a field of an answer, 'name: value': would it be stored? May be given again",
      ),
    )
    .option("--status <STATUS>", "the status of that answer (default: 200)")
    .addOption(configOption())
    .option("--json", "print the steps as JSON")
    .action(
      async (
        method: string,
        url: string,
        flags: {
          header: string[];
          client: string;
          response: string[];
          status?: string;
          config?: string;
          json?: boolean;
        },
      ) => {
        const { runExplain } = await import("./explain.ts");
        done(
          await withJsonFailure(terminal, flags, (to) =>
            runExplain(to, cwd, { method, url, ...flags }),
          ),
        );
      },
    );

  program
    .command("purge")
    .description("remove stored responses from the cache of the proxy that runs, by its admin port")
    .option("--url <URL>", "one URL, all its variants")
    .option("--prefix <URL>", "all URLs that begin so")
    .addOption(manyOption("--tag <TAG>", "all with this tag; may be given again: with any of them"))
    .option("--all", "everything")
    .option("--soft", "keep them as stale: still used while the upstream is asked or fails")
    .option("--admin <URL>", "address of the admin port (default: the config's)")
    .addOption(configOption())
    .option("--json", "print the result as JSON")
    .action(async (flags: PurgeFlags) => {
      const { runPurge } = await import("./purge.ts");
      done(await withJsonFailure(terminal, flags, (to) => runPurge(to, cwd, flags)));
    });

  program
    .command("list")
    .description("look at the IP lists of the proxy that runs, or change one, by its admin port")
    .argument("[NAME]", "the list")
    .addOption(manyOption("--add <RANGE>", "an address or CIDR range; may be given again"))
    .addOption(manyOption("--remove <RANGE>", "takes it out, whatever the source says"))
    .option("--for <TIME>", "then it is as before: 10m, 2h (default: until the proxy ends)")
    .option("--has <ADDRESS>", "whether the list has it: exit code 0, or 1")
    .option("--admin <URL>", "address of the admin port (default: the config's)")
    .addOption(configOption())
    .option("--json", "print the result as JSON")
    .action(async (name: string | undefined, flags: ListFlags) => {
      const { runList } = await import("./list.ts");
      done(await withJsonFailure(terminal, flags, (to) => runList(to, cwd, name, flags)));
    });

  program
    .command("init")
    .description("write a project that works: config, types, a test, scripts")
    .argument("[DIR]", "folder; made if missing", ".")
    .addOption(
      new Option("-t, --template <NAME>", "what it has; asked for in a terminal").choices(
        Object.keys(PROJECT_KINDS),
      ),
    )
    .option("--json", "print the result as JSON")
    .action(async (dir: string, flags: InitFlags) =>
      done(await withJsonFailure(terminal, flags, (to) => runInit(to, cwd, dir, flags))),
    );

  for (const command of program.commands) {
    command.showHelpAfterError(`What it takes: gatewright ${command.name()} --help`);
  }
  return program;
}

function serveCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .addOption(configOption())
    .option("--no-watch", "do not reload on changes, only on SIGHUP and POST /api/reload")
    .addOption(new Option("--workers <N>", "number of workers, or auto").argParser(parseWorkers))
    .addOption(
      new Option("--port <PORT>", "port in place of the first listener's").argParser(parsePort),
    )
    .option("--host <HOST>", "address in place of the first listener's")
    .option("--json", "print JSON lines at a terminal too, whatever the config says");
}

function configOption(): Option {
  return new Option("-c, --config <FILE>", `config file (default: ${DEFAULT_CONFIG})`);
}

/** One that may be given again. */
function manyOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(collect).default([], "none");
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}

function parseWorkers(value: string): number {
  if (value === "auto") return 0;
  if (!/^[1-9]\d{0,3}$/.test(value))
    throw new InvalidArgumentError("It is a whole number from 1, or auto.");
  return Number(value);
}

function parsePort(value: string): number {
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
    throw new InvalidArgumentError("It is a whole number from 0 to 65535.");
  }
  return Number(value);
}
