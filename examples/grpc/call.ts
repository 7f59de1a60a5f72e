import { Metadata } from "@grpc/grpc-js";

import { createGreeterClient } from "./greeter.ts";

const client = createGreeterClient(process.argv[2] ?? "127.0.0.1:8080");
const metadata = new Metadata();
metadata.set("authorization", "Bearer let-me-in");

client.greet({ name: "world" }, metadata, (error, greeting) => {
  console.log(error?.message ?? greeting?.text);
  client.close();
});
