import type { ServerResponse } from "node:http";

/** Answers of the admin listener: none may be stored or read by another origin. */
export function send(
  response: ServerResponse,
  status: number,
  type: string,
  text: string,
  fields: Readonly<Record<string, string>>,
): void {
  const content = Buffer.from(text);
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Length": content.length,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    ...fields,
  });
  response.end(content);
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  fields: Readonly<Record<string, string>> = {},
): void {
  send(response, status, "application/json", `${JSON.stringify(value, null, 2)}\n`, fields);
}

/** RFC 9457. */
export function sendProblem(
  response: ServerResponse,
  status: number,
  detail: string,
  fields: Readonly<Record<string, string>> = {},
): void {
  const body = `${JSON.stringify({ status, detail })}\n`;
  send(response, status, "application/problem+json", body, fields);
}
