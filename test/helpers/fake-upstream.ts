import type {
  Upstream,
  UpstreamCall,
  UpstreamReceiver,
  UpstreamRequest,
} from "../../runtime/upstream/upstream.ts";

/** One attempt that a test answers by hand. */
export class FakeCall implements UpstreamCall {
  readonly request: UpstreamRequest;
  readonly receiver: UpstreamReceiver;
  target: string | undefined;
  aborted = false;
  paused = false;

  constructor(request: UpstreamRequest, receiver: UpstreamReceiver, target: string) {
    this.request = request;
    this.receiver = receiver;
    this.target = target;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  abort(): void {
    this.aborted = true;
  }

  /** Head without content. */
  answer(status: number, ...fields: string[]): void {
    this.receiver.onTarget(this.target as string);
    this.receiver.onHead(status, fields);
  }
}

/** An upstream whose attempts a test answers by hand; target number n is called `t<n>`. */
export class FakeUpstream implements Upstream {
  readonly name = "fake";
  readonly calls: FakeCall[] = [];
  /** Thrown by the next `dispatch`. */
  fault: Error | undefined;

  dispatch(request: UpstreamRequest, receiver: UpstreamReceiver): FakeCall {
    const { fault } = this;
    this.fault = undefined;
    if (fault !== undefined) throw fault;
    const call = new FakeCall(request, receiver, `t${this.calls.length + 1}`);
    this.calls.push(call);
    return call;
  }

  call(number: number): FakeCall {
    const call = this.calls[number - 1];
    if (call === undefined) throw new Error(`there is no attempt ${number}`);
    return call;
  }

  stats(): { open: number; idle: number; active: number; queued: number } {
    return { open: 0, idle: 0, active: 0, queued: 0 };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
