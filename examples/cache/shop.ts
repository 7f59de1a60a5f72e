let fetches = 0;

/** Stands for your application: it knows nothing of the cache, but for the age of its assets. */
export function shop(request: Request): Response {
  fetches += 1;
  const [, kind, name] = new URL(request.url).pathname.split("/");
  switch (kind) {
    case "assets":
      return new Response("body { color: teal }\n", {
        headers: { "content-type": "text/css", "cache-control": "public, max-age=31536000" },
      });
    case "products":
      return new Response(`Product ${name}, as of fetch ${fetches}\n`, {
        headers: { "x-product": String(name) },
      });
    case "basket":
      return new Response(`Your basket, as of fetch ${fetches}\n`);
    default:
      return new Response("Not here.\n", { status: 404 });
  }
}
