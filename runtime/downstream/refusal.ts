/**
 * Answers that the connection gives by itself, to requests that nobody else may see. One shape for all: complete, with
 * a length, and the last on their connection.
 */
import { ERRORS, type ErrorCode } from "../errors.ts";
import { problemContent } from "../http/problem.ts";
import { httpDate, statusLine } from "./response-head.ts";

/** RFC 9110 §15.5.6: a 405 names what is allowed. CONNECT is the one method refused here. */
const ALLOWED = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/** What was refused, for the log. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly peerAddress: string;
  /** Missing, as the target is, where the head could not be read. */
  readonly method: string | undefined;
  readonly target: string | undefined;
}

/** The whole answer as bytes. */
export function refusalBytes(code: ErrorCode, method: string | undefined): Buffer {
  const { status, publicDetail } = ERRORS[code];
  const problem = { status, code, detail: publicDetail, id: undefined };
  const { contentType, bytes } = problemContent(problem, false);
  const allow = code === "PROXY_REQUEST_METHOD" ? `Allow: ${ALLOWED}\r\n` : "";
  const head = Buffer.from(
    `${statusLine(status)}Content-Type: ${contentType}\r\nContent-Length: ${bytes.length}\r\n${allow}` +
      `Cache-Control: no-store\r\nDate: ${httpDate()}\r\nConnection: close\r\n\r\n`,
    "latin1",
  );
  return method === "HEAD" ? head : Buffer.concat([head, bytes]);
}
