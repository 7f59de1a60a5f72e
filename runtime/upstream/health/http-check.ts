import { request as requestHttp1, type IncomingMessage } from "node:http";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";

import type { TargetMember } from "../targets/target-member.ts";
import { inRanges, type HttpCheckRule } from "./health-rules.ts";
import { describe, openForRequest, untilDone, type Probe, type ProbeTerms } from "./probe.ts";

const USER_AGENT = "gatewright-health-check";
const MAX_HEAD_BYTES = 65_536;

/** Sends a request on a connection of its own and looks at the answer. Redirects are not followed. */
export function createHttpProbe(rule: HttpCheckRule, terms: ProbeTerms): Probe {
  return async (member, signal) => {
    let socket: Socket;
    try {
      const protocols = terms.http2 ? ["h2"] : ["http/1.1"];
      socket = await openForRequest(member, terms, protocols, signal);
    } catch (error) {
      return describe(error as Error);
    }
    return untilDone(socket, signal, (done) => {
      const judge = (status: number, content: Readable): void => {
        if (!inRanges(status, rule.expectedStatus)) done(`it answered ${status}`);
        else if (rule.expectedBody === undefined) done(undefined);
        else read(content, rule.maxBodyBytes, (text) => done(missing(rule, text)));
      };
      if (terms.http2) askHttp2(rule, member, socket, judge, done);
      else askHttp1(rule, member, socket, judge, done);
    });
  };
}

type Judge = (status: number, content: Readable) => void;
type Done = (failure: string | undefined) => void;

function askHttp1(
  rule: HttpCheckRule,
  member: TargetMember,
  socket: Socket,
  judge: Judge,
  done: Done,
): void {
  const request = requestHttp1({
    method: rule.method,
    path: rule.path,
    // As pairs: a name that comes twice is sent twice.
    headers: [
      ["Host", rule.host ?? member.target.authority],
      ...(hasField(rule, "user-agent") ? [] : [["User-Agent", USER_AGENT]]),
      ...rule.fields,
      ["Connection", "close"],
    ].flat(),
    maxHeaderSize: MAX_HEAD_BYTES,
    createConnection: () => socket,
  });
  request.on("response", (response: IncomingMessage) => judge(response.statusCode ?? 0, response));
  request.on("upgrade", (response: IncomingMessage) => done(`it answered ${response.statusCode}`));
  request.on("error", (error) => done(describe(error)));
  request.end();
}

function askHttp2(
  rule: HttpCheckRule,
  member: TargetMember,
  socket: Socket,
  judge: Judge,
  done: Done,
): void {
  const { scheme, authority } = member.target;
  const session = connectHttp2(`${scheme}://${authority}`, { createConnection: () => socket });
  session.on("error", (error) => done(describe(error)));
  const fields: Record<string, string> = {
    "user-agent": USER_AGENT,
    ...Object.fromEntries(rule.fields.map(([name, value]) => [name.toLowerCase(), value])),
    ":method": rule.method,
    ":scheme": scheme,
    ":authority": rule.host ?? authority,
    ":path": rule.path,
  };
  const stream = session.request(fields, { endStream: true });
  stream.on("error", (error) => done(describe(error)));
  stream.on("response", (head: IncomingHttpHeaders & { ":status"?: number }) =>
    judge(head[":status"] ?? 0, stream),
  );
  stream.on("close", () => done("the stream was reset"));
}

function hasField(rule: HttpCheckRule, lowerName: string): boolean {
  return rule.fields.some(([name]) => name.toLowerCase() === lowerName);
}

/** The beginning of a content as text; of one that breaks off, what came. */
function read(content: Readable, maxBytes: number, done: (text: string) => void): void {
  const chunks: Buffer[] = [];
  let left = maxBytes;
  const finish = (): void => {
    content.off("data", onData);
    done(Buffer.concat(chunks).toString("utf8"));
  };
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) finish();
  };
  content.on("data", onData);
  content.once("end", finish);
}

function missing({ expectedBody }: HttpCheckRule, text: string): string | undefined {
  if (expectedBody === undefined) return undefined;
  const found =
    // `search` leaves lastIndex alone, so that a pattern with the flag g says the same every time.
    typeof expectedBody === "string" ? text.includes(expectedBody) : text.search(expectedBody) >= 0;
  return found ? undefined : "its content is not the expected one";
}
