/** Two applications with the holes that a WAF is for: one glues values into SQL, one into a shell's line. */
import { execFile } from "node:child_process";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { DatabaseSync } from "node:sqlite";

import { listenForTest } from "./listen-for-test.ts";

/** In the table that nobody is to read. */
export const SECRET = "correct-horse-7319";

export interface SqlApp {
  readonly url: string;
  /** Every statement that was run, in order. */
  readonly statements: string[];
  /** Time on the processor that the last one took, in milliseconds. */
  readonly lastCpuMs: number;
  /** What the secret is now: stacked statements may change it. */
  readonly secret: string;
}

/** The ways in, each with how a value gets there and the statement that it becomes part of. */
export const SQL_DOORS = {
  number: (value: string) => ({ target: `/item?id=${encodeURIComponent(value)}` }),
  query: (value: string) => ({ target: `/find?name=${encodeURIComponent(value)}` }),
  path: (value: string) => ({ target: `/find/${encodeURIComponent(value)}` }),
  form: (value: string) => ({
    target: "/find",
    type: "application/x-www-form-urlencoded",
    content: `name=${encodeURIComponent(value)}`,
  }),
  json: (value: string) => ({
    target: "/find",
    type: "application/json",
    content: JSON.stringify({ name: value }),
  }),
  cookie: (value: string) => ({
    target: "/mine",
    fields: { cookie: `shop=${encodeURIComponent(value)}` },
  }),
  field: (value: string) => ({ target: "/mine", fields: { "x-shop": value } }),
} as const;

export type SqlDoor = keyof typeof SQL_DOORS;

export async function startSqlApp(): Promise<SqlApp> {
  const database = new DatabaseSync(":memory:");
  database.exec(`
    CREATE TABLE item (id INTEGER, name TEXT, shop TEXT);
    INSERT INTO item VALUES (1, 'lamp', 'north'), (2, 'table', 'north'), (3, 'chair', 'south');
    CREATE TABLE account (name TEXT, secret TEXT);
    INSERT INTO account VALUES ('ada', '${SECRET}');
  `);
  const app = {
    url: "",
    statements: [] as string[],
    lastCpuMs: 0,
    get secret(): string {
      return String(database.prepare("SELECT secret FROM account").get()?.["secret"]);
    },
  };
  app.url = await listen(async (request) => {
    const statement = await statementOf(request);
    app.statements.push(statement);
    const began = process.threadCpuUsage();
    try {
      const rows = database.prepare(statement).all();
      // As drivers do that take several statements at once.
      if (statement.includes(";")) database.exec(statement);
      return { status: 200, text: JSON.stringify(rows) };
    } catch (error) {
      return { status: 500, text: `SQL error: ${(error as Error).message}` };
    } finally {
      const { user, system } = process.threadCpuUsage(began);
      app.lastCpuMs = (user + system) / 1000;
    }
  });
  return app;
}

async function statementOf(request: IncomingMessage): Promise<string> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://a.test");
  const rows = "SELECT id, name FROM item WHERE";
  if (pathname === "/item") return `${rows} id = ${searchParams.get("id")}`;
  if (pathname === "/mine") {
    const cookie = /shop=([^;]*)/.exec(request.headers.cookie ?? "")?.[1];
    const shop =
      cookie === undefined ? String(request.headers["x-shop"]) : decodeURIComponent(cookie);
    return `${rows} shop = '${shop}' AND id < 3`;
  }
  let name = searchParams.get("name");
  if (pathname.startsWith("/find/")) name = decodeURIComponent(pathname.slice(6));
  if (request.method === "POST") {
    const content = await contentOf(request);
    const isJson = request.headers["content-type"] === "application/json";
    name = isJson
      ? (JSON.parse(content) as { name: string }).name
      : new URLSearchParams(content).get("name");
  }
  return `${rows} (name = '${name}')`;
}

/** How a value stands in the line that the shell gets. */
export type ShellQuotes = "none" | "double" | "single";

const SHELL_LINES: Readonly<Record<ShellQuotes, (host: string) => string>> = {
  none: (host) => `echo checking ${host}`,
  double: (host) => `echo "checking ${host}"`,
  single: (host) => `echo 'checking ${host}'`,
};

export interface ShellApp {
  readonly url: string;
  /** Every line that was run. */
  readonly lines: string[];
}

/** `/check/<quotes>?host=` or with a form. */
export async function startShellApp(): Promise<ShellApp> {
  const app = { url: "", lines: [] as string[] };
  app.url = await listen(async (request) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://a.test");
    const from =
      request.method === "POST" ? new URLSearchParams(await contentOf(request)) : searchParams;
    const line = SHELL_LINES[pathname.slice("/check/".length) as ShellQuotes](
      from.get("host") ?? "",
    );
    app.lines.push(line);
    return new Promise((resolve) => {
      execFile("sh", ["-c", line], { timeout: 5000 }, (_error, stdout, stderr) =>
        resolve({ status: 200, text: stdout + stderr }),
      );
    });
  });
  return app;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function listen(answer: (request: IncomingMessage) => Promise<Answer>): Promise<string> {
  const server: Server = createServer((request, response) => {
    void answer(request).then(
      ({ status, text }) => response.writeHead(status).end(text),
      (error: unknown) => response.writeHead(400).end(String(error)),
    );
  });
  return listenForTest(server);
}

async function contentOf(request: IncomingMessage): Promise<string> {
  let content = "";
  for await (const chunk of request) content += String(chunk);
  return content;
}
