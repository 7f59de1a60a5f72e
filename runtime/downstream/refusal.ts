/**
 * Answers that the connection gives by itself, to requests that nobody else may see. One shape for all: complete, with
 * a length, and the last on their connection.
 */
import { ERRORS, type ErrorCode } from "../errors.ts";
import { problemContent } from "../http/problem.ts";
import { fieldLines, httpDate, statusLine } from "./response-head.ts";

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

export interface RefusalContent {
  readonly status: number;
  readonly fields: readonly string[];
  readonly bytes: Uint8Array;
}

/** What is answered, whatever the protocol. */
export function refusalContent(code: ErrorCode): RefusalContent {
  const { status, publicDetail } = ERRORS[code];
  const problem = { status, code, detail: publicDetail, id: undefined };
  const { contentType, bytes } = problemContent(problem, false);
  const fields = ["Content-Type", contentType, "Content-Length", `${bytes.length}`];
  if (code === "PROXY_REQUEST_METHOD") fields.push("Allow", ALLOWED);
  fields.push("Cache-Control", "no-store", "Date", httpDate());
  return { status, fields, bytes };
}

/** The whole answer in HTTP/1.1. */
export function refusalBytes(code: ErrorCode, method: string | undefined): Buffer {
  const { status, fields, bytes } = refusalContent(code);
  const head = Buffer.from(
    `${statusLine(status)}${fieldLines(fields)}Connection: close\r\n\r\n`,
    "latin1",
  );
  return method === "HEAD" ? head : Buffer.concat([head, bytes]);
}
