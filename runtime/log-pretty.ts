/** Lines for people at a terminal, made from the JSON lines so that both say the same. */

const RESET = "\u001B[0m";
const COLORS = {
  dim: "\u001B[2m",
  red: "\u001B[31m",
  green: "\u001B[32m",
  yellow: "\u001B[33m",
  cyan: "\u001B[36m",
} as const;
type Color = keyof typeof COLORS;
type Paint = (color: Color, text: string) => string;

const LEVEL_COLORS: Readonly<Record<string, Color>> = {
  debug: "dim",
  info: "cyan",
  warn: "yellow",
  error: "red",
};

type Fields = Record<string, unknown>;

/** A function from one JSON line to what a terminal shows of it, each with its `\n`. */
export function createPrettyPrinter(color: boolean): (line: string) => string {
  const paint: Paint = (name, text) => (color ? COLORS[name] + text + RESET : text);
  return (line) => {
    let fields: Fields;
    try {
      fields = JSON.parse(line) as Fields;
    } catch {
      return line;
    }
    if (fields["msg"] === "request" && typeof fields["status"] === "number") {
      return formatRequest(fields, paint);
    }
    if (fields["msg"] === "listening") return `listening ${toShown(fields["url"])}\n`;
    if (fields["msg"] === "reloaded" && typeof fields["durationMs"] === "number") {
      return formatReload(fields, fields["durationMs"], paint);
    }
    return formatLine(fields, paint);
  };
}

function formatRequest(fields: Fields, paint: Paint): string {
  const times = (fields["times"] ?? {}) as Fields;
  const status = fields["status"] as number;
  const parts = [
    paint("dim", clockTime(fields["time"])),
    paint(statusColor(status), String(status).padStart(3)),
    `${toShown(fields["method"])} ${toShown(fields["host"])}${toShown(fields["path"])}`,
    paint("dim", `${duration(times["total"])} ${size(fields["responseBytes"])}`),
  ];
  const to = fields["upstream"] ?? fields["route"];
  if (typeof to === "string") parts.push(paint("dim", `→ ${toShown(to)}`));
  if (typeof fields["cache"] === "string")
    parts.push(paint("dim", `cache ${toShown(fields["cache"])}`));
  if (typeof fields["score"] === "number" && fields["score"] !== 0) {
    parts.push(paint("yellow", `score ${fields["score"]}`));
  }
  if (fields["outcome"] !== "complete") parts.push(paint("yellow", toShown(fields["outcome"])));
  if (typeof fields["error"] === "string") parts.push(paint("red", toShown(fields["error"])));
  if (typeof fields["reason"] === "string") parts.push(paint("yellow", toShown(fields["reason"])));
  return `${parts.join(" ")}\n`;
}

/** What is live now, so that a typo in a name shows before the first request does. */
function formatReload(fields: Fields, durationMs: number, paint: Paint): string {
  const named = (key: string): string => {
    const names = fields[key];
    if (!Array.isArray(names) || names.length === 0) return `${key} none`;
    return `${key} ${names.map(toShown).join(", ")}`;
  };
  const summary = [
    `generation ${toShown(fields["generation"])}`,
    `routes ${toShown(fields["routes"])}`,
    ...["upstreams", "hooks", "plugins"].map(named),
  ];
  return (
    `${paint("dim", clockTime(fields["time"]))} ${paint("green", "reloaded")} in ` +
    `${durationMs.toFixed(0)} ms: ${summary.join("; ")}\n`
  );
}

/** Said in the text or of no use to a reader. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set(["level", "time", "msg", "frame", "stack"]);

function formatLine(fields: Fields, paint: Paint): string {
  const level = toShown(fields["level"]);
  const message = fields["msg"] === undefined ? "" : ` ${toShownLines(fields["msg"])}`;
  let rest = "";
  let block = "";
  for (const [key, value] of Object.entries(fields)) {
    if (SHOWN_ELSEWHERE.has(key)) continue;
    if (isErrorLike(value)) block += formatError(key, value, paint);
    else rest += ` ${paint("dim", `${toShown(key)}=`)}${toShown(value)}`;
  }
  // A code frame or a stack is text of several lines: as such, not as one long string.
  for (const key of ["frame", "stack"]) {
    const text = fields[key];
    if (typeof text === "string") block += `${indent(toShownLines(text))}\n`;
  }
  const color = LEVEL_COLORS[level] ?? "cyan";
  return `${paint("dim", clockTime(fields["time"]))} ${paint(color, level.padEnd(5))}${message}${rest}\n${block}`;
}

function isErrorLike(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && "message" in value && "type" in value;
}

function formatError(key: string, error: Fields, paint: Paint): string {
  const { stack, message, type, cause, ...rest } = error;
  const text = typeof stack === "string" ? stack : `${toShown(type)}: ${toShown(message)}`;
  let block = `${indent(paint("red", toShownLines(text)))}\n`;
  if (key !== "err" && key !== "cause") block = `  ${toShown(key)}:\n${block}`;
  for (const [name, value] of Object.entries(rest)) {
    block += `    ${paint("dim", `${toShown(name)}=`)}${toShown(value)}\n`;
  }
  if (isErrorLike(cause)) block += `  caused by:\n${formatError("cause", cause, paint)}`;
  return block;
}

function indent(text: string): string {
  return `  ${text.replaceAll("\n", "\n  ")}`;
}

/** A value on one line. Text from requests must not move the cursor or forge a line: control characters are escaped. */
function toShown(value: unknown): string {
  if (typeof value === "string") return escapeControls(value);
  return value === undefined ? "" : escapeControls(JSON.stringify(value));
}

function toShownLines(value: unknown): string {
  if (typeof value !== "string") return toShown(value);
  return value.split("\n").map(escapeControls).join("\n");
}

// oxlint-disable-next-line no-control-regex -- these are what must be found
const CONTROLS = /[\u0000-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]/g;

function escapeControls(text: string): string {
  return text.replaceAll(
    CONTROLS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function clockTime(time: unknown): string {
  const date = new Date(String(time));
  if (Number.isNaN(date.getTime())) return "--:--:--.---";
  const two = (value: number): string => String(value).padStart(2, "0");
  const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}

function statusColor(status: number): Color {
  if (status >= 500 || status === 0) return "red";
  if (status >= 400) return "yellow";
  return status >= 300 ? "cyan" : "green";
}

function duration(ms: unknown): string {
  if (typeof ms !== "number") return "-";
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)}s` : `${ms.toFixed(ms < 10 ? 1 : 0)}ms`;
}

function size(bytes: unknown): string {
  if (typeof bytes !== "number") return "-";
  if (bytes < 1024) return `${bytes}B`;
  return bytes < 1024 * 1024
    ? `${(bytes / 1024).toFixed(1)}KB`
    : `${(bytes / 1024 / 1024).toFixed(1)}MB`;
}
