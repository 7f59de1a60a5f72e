/**
 * The integration tests that ask through `throughProxy` speak no protocol of their own. `over-http2.test.ts` runs them a
 * second time over HTTP/2: it chooses the protocol here and imports their files. A connection for bytes of HTTP/1.1 leads
 * to a bridge there (http2-bridge.ts), which makes streams of them.
 */
import { beforeEach } from "vitest";

export type TestProtocol = "HTTP/1.1" | "HTTP/2";

let protocol: TestProtocol = "HTTP/1.1";

/** Protocol of the requests that this test file makes. */
export function testProtocol(): TestProtocol {
  return protocol;
}

/** `Connection` of a response that is the last one of its connection: streams do not have it (RFC 9113 §8.2.2). */
export function closing(): "close" | undefined {
  return protocol === "HTTP/1.1" ? "close" : undefined;
}

/** For the whole file, before any test of it runs. `except`: tests whose rule is about HTTP/1.1 alone, by name. */
export function useProtocol(chosen: TestProtocol, except: readonly RegExp[] = []): void {
  protocol = chosen;
  beforeEach((context) => {
    const name = fullName(context.task);
    if (except.some((pattern) => pattern.test(name))) context.skip("a rule of HTTP/1.1");
  });
}

interface Named {
  readonly name: string;
  readonly suite?: Named | undefined;
}

function fullName(task: Named): string {
  return task.suite === undefined ? task.name : `${fullName(task.suite)} > ${task.name}`;
}
