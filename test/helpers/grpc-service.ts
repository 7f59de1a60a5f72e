/** A real gRPC service and clients for it, by @grpc/grpc-js. */
import { fileURLToPath } from "node:url";

import {
  credentials,
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { onTestFinished } from "vitest";

export interface Note {
  id: string;
  content: Buffer;
}

export interface Summary {
  count: number;
  bytes: string;
}

type Callback<T> = (error: ServiceError | null, value?: T) => void;

export interface NotesClient extends Client {
  get(
    request: { id: string },
    metadata: Metadata,
    options: { deadline?: number },
    callback: Callback<Note>,
  ): ClientUnaryCall;
  list(request: { count: number; bytes?: number }): ClientReadableStream<Note>;
  upload(callback: Callback<Summary>): ClientWritableStream<Partial<Note>>;
  chat(): ClientDuplexStream<Partial<Note>, Note>;
}

const definition = loadPackageDefinition(
  loadSync(fileURLToPath(new URL("../fixtures/grpc/notes.proto", import.meta.url)), {
    keepCase: true,
    longs: String,
    defaults: true,
  }),
) as unknown as {
  notes: {
    v1: {
      Notes: (new (
        address: string,
        credentials: ChannelCredentials,
        options?: object,
      ) => NotesClient) & { service: never };
    };
  };
};
const { Notes } = definition.notes.v1;

export interface GrpcService {
  readonly port: number;
  readonly url: string;
  readonly server: Server;
  /** What the service saw, in order. */
  readonly seen: string[];
  /** Resolves when such a line has been seen. */
  saw(line: string): Promise<void>;
}

/** Answers `get` by the id that is asked for; see the cases below. Ends with its test. */
export async function grpcService(): Promise<GrpcService> {
  const server = new Server();
  const seen: string[] = [];
  const waiting = new Set<() => void>();
  const note = (line: string): void => {
    seen.push(line);
    for (const wake of waiting) wake();
    waiting.clear();
  };

  const get: handleUnaryCall<{ id: string }, Partial<Note>> = (call, callback) => {
    const { id } = call.request;
    note(`get ${id}`);
    call.on("cancelled", () => note(`cancelled ${id}`));
    if (id === "missing") {
      const metadata = new Metadata();
      metadata.set("reason", "never-written");
      callback({ code: status.NOT_FOUND, details: "no such note: ÄÖ%", metadata });
    } else if (id === "deadline") {
      note(`deadline ${Number(call.getDeadline()) - Date.now() < 60_000}`);
    } else if (id === "metadata") {
      const content = Buffer.from(JSON.stringify(call.metadata.getMap()));
      const trailers = new Metadata();
      trailers.set("x-end", "t");
      trailers.set("x-end-bin", Buffer.from([0, 255]));
      const head = new Metadata();
      head.set("x-start", "h");
      call.sendMetadata(head);
      callback(null, { id, content }, trailers);
    } else {
      callback(null, { id, content: Buffer.from(`note ${id}`) });
    }
  };
  const list: handleServerStreamingCall<{ count: number; bytes: number }, Partial<Note>> = (
    call,
  ) => {
    const { count, bytes } = call.request;
    const content = Buffer.alloc(bytes, 7);
    call.on("cancelled", () => note("cancelled list"));
    let sent = 0;
    const write = (): void => {
      while (sent < count && !call.cancelled) {
        sent += 1;
        if (!call.write({ id: String(sent), content })) {
          call.once("drain", write);
          return;
        }
      }
      if (!call.cancelled) call.end();
    };
    write();
  };
  const upload: handleClientStreamingCall<Note, Partial<Summary>> = (call, callback) => {
    let count = 0;
    let bytes = 0;
    call.on("data", ({ content }: Note) => {
      count += 1;
      bytes += content.length;
    });
    call.on("end", () => callback(null, { count, bytes: String(bytes) }));
    call.on("cancelled", () => note("cancelled upload"));
  };
  const chat: handleBidiStreamingCall<Note, Partial<Note>> = (call) => {
    call.on("data", ({ id, content }: Note) => {
      note(`chat ${id}`);
      call.write({ id: `re: ${id}`, content });
    });
    call.on("end", () => call.end());
    call.on("cancelled", () => note("cancelled chat"));
  };

  server.addService(Notes.service, { get, list, upload, chat });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  onTestFinished(() => server.forceShutdown());
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    server,
    seen,
    async saw(line) {
      while (!seen.includes(line)) await new Promise<void>((resolve) => waiting.add(resolve));
    },
  };
}

/** A client with a connection of its own. `ca` for TLS. */
export function notesClient(address: string, ca?: Buffer): NotesClient {
  const client = new Notes(
    address,
    ca === undefined ? credentials.createInsecure() : credentials.createSsl(ca),
    { "grpc.use_local_subchannel_pool": 1 },
  );
  onTestFinished(() => client.close());
  return client;
}

export interface UnaryResult {
  readonly error: ServiceError | null;
  readonly value: Note | undefined;
  readonly head: Metadata | undefined;
  readonly trailers: Metadata | undefined;
}

export function getNote(
  client: NotesClient,
  id: string,
  options: {
    metadata?: Metadata;
    deadline?: number;
    onCall?: (call: ClientUnaryCall) => void;
  } = {},
): Promise<UnaryResult> {
  return new Promise((resolve) => {
    let head: Metadata | undefined;
    let trailers: Metadata | undefined;
    const { metadata = new Metadata(), deadline, onCall } = options;
    const call = client.get(
      { id },
      metadata,
      deadline === undefined ? {} : { deadline },
      (error, value) => setImmediate(() => resolve({ error, value, head, trailers })),
    );
    call.on("metadata", (received: Metadata) => (head = received));
    call.on("status", (end: { metadata: Metadata }) => (trailers = end.metadata));
    onCall?.(call);
  });
}
