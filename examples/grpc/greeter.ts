import { join } from "node:path";

import {
  credentials,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ChannelCredentials,
  type Client,
  type ClientReadableStream,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

export interface Greeting {
  text: string;
}

export interface GreeterClient extends Client {
  greet(
    request: { name: string },
    metadata: Metadata,
    callback: (error: ServiceError | null, greeting?: Greeting) => void,
  ): void;
  count(request: { to: number }, metadata: Metadata): ClientReadableStream<Greeting>;
}

const { greeter } = loadPackageDefinition(
  loadSync(join(import.meta.dirname, "greeter.proto")),
) as unknown as {
  greeter: {
    v1: {
      Greeter: (new (address: string, security: ChannelCredentials) => GreeterClient) & {
        service: never;
      };
    };
  };
};

const greet: handleUnaryCall<{ name: string }, Greeting> = (call, callback) => {
  const [user] = call.metadata.get("x-user");
  callback(null, { text: `Hello ${call.request.name}, says ${String(user)}` });
};

const count: handleServerStreamingCall<{ to: number }, Greeting> = (call) => {
  for (let i = 1; i <= call.request.to; i++) call.write({ text: String(i) });
  call.end();
};

/** Resolves with the server and its port. */
export function startGreeter(address: string): Promise<{ server: Server; port: number }> {
  const server = new Server();
  server.addService(greeter.v1.Greeter.service, { greet, count });
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve({ server, port }) : reject(error),
    );
  });
}

export function createGreeterClient(address: string): GreeterClient {
  return new greeter.v1.Greeter(address, credentials.createInsecure());
}
