import { Agent, request } from "node:http";

export interface PacedLoad {
  readonly sent: number;
  /** What went wrong, one text for each request that did not get a complete 200. */
  readonly failures: readonly string[];
  /** The different contents that came back. */
  readonly contents: ReadonlySet<string>;
  /** Sends no more and resolves when every answer is in. */
  stop(): Promise<void>;
}

/** So many requests a second over keep-alive connections, until stopped. */
export function startLoad(url: string, perSecond: number): PacedLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const failures: string[] = [];
  const contents = new Set<string>();
  const open = new Set<Promise<void>>();
  const begin = performance.now();
  let sent = 0;

  const send = (): void => {
    sent += 1;
    const done = new Promise<void>((resolve) => {
      const fail = (error: Error): void => {
        failures.push(String(error));
        resolve();
      };
      const call = request(url, { agent }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("error", fail);
        response.on("end", () => {
          contents.add(text);
          if (response.statusCode !== 200) failures.push(`${response.statusCode} ${text}`);
          resolve();
        });
      });
      call.on("error", fail);
      call.end();
    }).finally(() => open.delete(done));
    open.add(done);
  };

  const timer = setInterval(() => {
    const due = ((performance.now() - begin) / 1_000) * perSecond;
    while (sent < due) send();
  }, 5);

  return {
    get sent() {
      return sent;
    },
    failures,
    contents,
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
    },
  };
}
