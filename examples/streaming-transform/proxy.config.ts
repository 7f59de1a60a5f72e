import { defineConfig } from "@gatewright/sdk";

import { replaceText } from "./replace-text.ts";
import { site } from "./site.ts";

export default defineConfig({
  listen: { port: 8080 },

  upstreams: { site: { fetch: site } },

  onResponse(response) {
    if (!response.headers.get("content-type")?.startsWith("text/html")) return;

    // Edits run in the order in which they are declared, chunk by chunk, no faster than the client reads. A compressed
    // response is decoded before and encoded again after; lengths, digests and validators follow by themselves.
    response.transform(replaceText("http://old.example/", "https://new.example/"));
    response.transform(async function* (chunks) {
      yield "<!-- first -->\n";
      yield* chunks;
      yield "\n<!-- last -->";
    });
  },
});
