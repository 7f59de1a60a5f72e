import { startGreeter } from "./greeter.ts";

const { port } = await startGreeter("127.0.0.1:50051");
console.log(`greeter on 127.0.0.1:${port}`);
