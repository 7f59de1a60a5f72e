import type { OxlintConfig, OxlintOverride } from "oxlint";

/**
 * The rooms of runtime/ and what each may import of the others (ARCHITECTURE.md, "Import rule"). Arrows are
 * transitive: the right side lists everything that a room may reach. Files directly in runtime/ that are not rooms
 * (errors, log, clock, …) are open to all.
 */
export const ROOMS: Readonly<Record<string, readonly string[]>> = {
  http: [],
  primitives: ["http"],
  upstream: ["http"],
  downstream: ["http"],
  pipeline: ["http", "primitives", "upstream", "downstream"],
  config: [],
  generation: ["http", "primitives", "upstream", "downstream", "pipeline", "config"],
  inspect: ["http"],
  process: [
    "http",
    "primitives",
    "upstream",
    "downstream",
    "pipeline",
    "config",
    "generation",
    "inspect",
  ],
  cli: [
    "http",
    "primitives",
    "upstream",
    "downstream",
    "pipeline",
    "config",
    "generation",
    "inspect",
    "process",
  ],
  testing: [
    "http",
    "primitives",
    "upstream",
    "downstream",
    "pipeline",
    "config",
    "generation",
    "inspect",
    "process",
  ],
};

/** Each dependency has one owner: a replacement then touches one folder. Patterns of files. */
export const OWNERS: Readonly<Record<string, readonly string[]>> = {
  undici: ["runtime/upstream/**"],
  esbuild: ["runtime/config/**"],
  chokidar: ["runtime/config/**"],
  zod: ["runtime/config/**"],
  pino: ["runtime/log.ts"],
  commander: ["runtime/cli.ts", "runtime/cli/**"],
  "ipaddr.js": ["runtime/primitives/**", "runtime/config/**"],
  "@peculiar/x509": ["runtime/primitives/**"],
  "reflect-metadata": ["runtime/primitives/**"],
  "node:worker_threads": ["runtime/process/**"],
};

/** Reach of every room: interfaces (types) of any room may be named by inspect, which gets the instances injected. */
const TYPES_OF_ALL_ROOMS: readonly string[] = ["inspect"];

const config: OxlintConfig = {
  plugins: ["typescript", "unicorn", "oxc", "import", "promise"],
  categories: { correctness: "error" },
  options: { typeAware: true },
  env: { node: true, es2024: true },
  ignorePatterns: [
    "**/dist/**",
    "**/node_modules/**",
    "coverage/**",
    "test/fixtures/config/bad/**",
  ],
  rules: {
    "no-console": "error",
    "no-var": "error",
    "prefer-const": "error",
    eqeqeq: ["error", "always", { null: "ignore" }],
    "import/no-cycle": "error",
    "import/no-self-import": "error",
    "typescript/consistent-type-imports": ["error", { fixStyle: "separate-type-imports" }],
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": [
      "error",
      {
        allowForKnownSafeCalls: [
          { from: "file", name: "send", path: "test/helpers/raw-client.ts" },
        ],
      },
    ],
    "typescript/no-misused-promises": "error",
    "typescript/switch-exhaustiveness-check": [
      "error",
      { considerDefaultExhaustiveForUnions: true },
    ],
    "typescript/only-throw-error": "error",
    "typescript/await-thenable": "error",
    "unicorn/prefer-node-protocol": "error",
    // `for (const x of [...set])` takes a snapshot: the loop may change the set.
    "unicorn/no-useless-spread": "off",
    // Bare thenables are the point where hooks are told from plain values.
    "unicorn/no-thenable": "off",
  },
  overrides: [
    // Later overrides replace earlier ones: files that are no room first, then the exceptions among them.
    importRules(["runtime/*.ts"], forbidRooms(Object.keys(ROOMS), 0)),
    importRules(["runtime/log.ts"], forbidRooms(Object.keys(ROOMS), 0)),
    importRules(["runtime/index.ts"], []),
    ...Object.keys(ROOMS).flatMap(roomRules),
    // `listening`, frames and hints go to the terminal itself: that is what the command is for.
    {
      files: ["runtime/cli.ts", "runtime/cli/**", "scripts/**", "bench/**", "examples/**"],
      rules: { "no-console": "off" },
    },
    {
      files: ["sdk/**"],
      rules: {
        "no-restricted-imports": [
          "error",
          {
            patterns: [
              {
                regex: "^[^.]|^\\.\\./",
                message: "The SDK has no dependencies, not even on Node.",
              },
            ],
          },
        ],
      },
    },
    // A folder below: the SDK itself may be named, what is outside of it may not.
    {
      files: ["sdk/testing/**"],
      rules: {
        "no-restricted-imports": [
          "error",
          {
            patterns: [
              {
                regex: "^[^.]|^\\.\\./\\.\\./",
                message: "The SDK has no dependencies, not even on Node.",
              },
            ],
          },
        ],
      },
    },
    // `expect(object.method)` and destructured library functions are fine there.
    {
      files: ["test/**", "bench/**", "examples/**"],
      rules: { "typescript/unbound-method": "off" },
    },
    // The shim runs under every Node that ever was.
    { files: ["runtime/bin/**"], rules: { "no-var": "off", "no-console": "off" } },
  ],
};

export default config;

function roomRules(room: string): OxlintOverride[] {
  const allowed = ROOMS[room] ?? [];
  const forbidden = Object.keys(ROOMS).filter(
    (other) => other !== room && !allowed.includes(other),
  );
  const patterns = forbidRooms(forbidden, 1, TYPES_OF_ALL_ROOMS.includes(room));
  if (room === "primitives") {
    return ["*.ts", "*/*.ts", "*/*/*.ts"].map((files, depth) =>
      importRules([`runtime/primitives/${files}`], [...patterns, forbidOtherPrimitives(depth)]),
    );
  }
  const files = [`runtime/${room}/**/*.ts`];
  if (room === "cli") files.push("runtime/cli.ts");
  return [importRules(files, patterns)];
}

/** `depth` folders below primitives/, where the siblings of the own folder (or file) are the other primitives. */
function forbidOtherPrimitives(depth: number): Pattern {
  return {
    regex: depth === 0 ? "^\\./" : `^${"\\.\\./".repeat(depth)}[a-z]`,
    message: "A primitive never imports another primitive: they meet in pipeline/.",
  };
}

interface Pattern {
  regex: string;
  message: string;
  allowTypeImports?: boolean;
}

function forbidRooms(rooms: readonly string[], depth: number, types = false): Pattern[] {
  if (rooms.length === 0) return [];
  const start = depth === 0 ? "^\\./" : "^(?:\\.\\./)+";
  return [
    {
      regex: `${start}(?:${rooms.join("|")})(?:/|\\.ts$)`,
      message: "The import rule of ARCHITECTURE.md does not allow this room here.",
      ...(types ? { allowTypeImports: true } : {}),
    },
  ];
}

/** One override for a set of files: it replaces the rule as a whole, so owners and rooms come together. */
function importRules(files: string[], patterns: Pattern[]): OxlintOverride {
  const foreign = Object.entries(OWNERS)
    .filter(([, owners]) => !owners.some((owner) => owns(owner, files[0] ?? "")))
    .map(([name, owners]) => ({ name, message: `Only ${owners.join(" and ")} may import it.` }));
  return {
    files,
    rules: {
      "no-restricted-imports": [
        "error",
        {
          paths: [
            ...foreign,
            {
              name: "@gatewright/sdk",
              message:
                "The engine uses types of the SDK only, so that it runs beside any copy of it.",
              allowTypeImports: true,
            },
          ],
          patterns,
        },
      ],
    },
  };
}

function owns(owner: string, file: string): boolean {
  return owner.endsWith("/**") ? file.startsWith(owner.slice(0, -2)) : owner === file;
}
