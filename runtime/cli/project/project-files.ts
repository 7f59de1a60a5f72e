import { VERSION } from "../../process/version.ts";
import { plainProject } from "./plain-project.ts";
import type { ProjectSources } from "./project-sources.ts";
import { secureProject } from "./secure-project.ts";
import { tlsProject } from "./tls-project.ts";

/** Versions that a new project starts with: those that this one is tested with. */
export const TEMPLATE_VERSIONS = { typescript: "7.0.2", "@types/node": "26.6.6" } as const;

export type ProjectKind = "plain" | "tls" | "secure";

/** What `init` offers, in the order in which it asks. */
export const PROJECT_KINDS: Readonly<Record<ProjectKind, string>> = {
  plain: "HTTP on one port; everything else is a comment away",
  tls: "HTTPS for development, certificates made on the fly",
  secure: "HTTPS, rate limits, IP list, WAF, challenge, security headers, admin port",
};

const SOURCES: Readonly<Record<ProjectKind, ProjectSources>> = {
  plain: plainProject,
  tls: tlsProject,
  secure: secureProject,
};

/** The files of a new project, by path. Text, not files: what the package ships stays JavaScript only. */
export function projectFiles(
  name: string,
  kind: ProjectKind = "plain",
): ReadonlyMap<string, string> {
  const { config, test, url, others } = SOURCES[kind];
  return new Map([
    ["package.json", packageJson(name)],
    ["tsconfig.json", TSCONFIG],
    ["proxy.config.ts", config],
    ["proxy.test.ts", test],
    ["plugins/visits.ts", PLUGIN],
    ...Object.entries(others),
    [".gitignore", GITIGNORE],
    ["README.md", readme(name, url)],
  ]);
}

function packageJson(name: string): string {
  const manifest = {
    name,
    private: true,
    type: "module",
    engines: { node: ">=24" },
    scripts: {
      dev: "gatewright dev",
      start: "gatewright start",
      check: "gatewright check",
      test: "node --test",
    },
    dependencies: { "@gatewright/sdk": VERSION, gatewright: VERSION },
    devDependencies: TEMPLATE_VERSIONS,
    // npm runs install scripts only for packages that are listed: esbuild puts its binary in place with one.
    allowScripts: { esbuild: true },
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

const TSCONFIG = `${JSON.stringify(
  {
    compilerOptions: {
      target: "es2024",
      lib: ["es2024", "esnext.disposable", "esnext.collection", "esnext.iterator"],
      module: "nodenext",
      types: ["node"],
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      verbatimModuleSyntax: true,
      erasableSyntaxOnly: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      noEmit: true,
    },
    include: ["**/*.ts"],
  },
  null,
  2,
)}\n`;

const GITIGNORE = `node_modules/
.gatewright/
`;

const PLUGIN = `import { definePlugin } from "@gatewright/sdk";

export interface VisitsOptions {
  /** The field that tells the number. Default \`"x-visits"\`. */
  readonly field?: string;
}

/** Numbers the responses. A plugin is hooks with a name and options; in a package of its own it can be shared. */
export default definePlugin(({ field = "x-visits" }: VisitsOptions = {}) => {
  let visits = { count: 0 };
  return {
    name: "visits",

    // Once for each version of the config, before it goes live. What \`keep\` holds survives the reload.
    async setup(env) {
      visits = await env.keep("visits", () => ({ count: 0 }));
    },

    onResponse(response) {
      visits.count += 1;
      response.headers.set(field, String(visits.count));
    },
  };
});
`;

function readme(name: string, url: string): string {
  return `# ${name}

A [Gatewright](https://www.npmjs.com/package/gatewright) proxy. What it does is in \`proxy.config.ts\`, and in \`plugins/\`.

\`\`\`sh
npm install
npm run dev       # ${url}, live: save the config and the next request sees it
npm test
npm run check     # types, options, dead routes
npx gatewright explain GET ${url}/old/a    # what would happen, and why
npm start         # for production: JSON log, drains on SIGTERM
\`\`\`
`;
}
