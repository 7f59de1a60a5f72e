const PAGE = "<p>The same words, again and again.</p>\n".repeat(200);
const ENCODER = new TextEncoder();

/** Stands for your application: it knows nothing of compression. */
export function site(request: Request): Response {
  switch (new URL(request.url).pathname) {
    case "/events":
      return new Response(events(), { headers: { "content-type": "text/event-stream" } });
    case "/account":
    case "/page":
      return new Response(PAGE, {
        headers: { "content-type": "text/html; charset=utf-8", etag: '"v1"' },
      });
    case "/photo":
      return new Response(PAGE, { headers: { "content-type": "image/jpeg" } });
    default:
      return new Response("Not here.", { status: 404 });
  }
}

function events(): ReadableStream<Uint8Array> {
  let count = 0;
  return new ReadableStream({
    async pull(controller) {
      if (count > 0) await new Promise((resolve) => setTimeout(resolve, 1000));
      controller.enqueue(ENCODER.encode(`data: ${++count}\n\n`));
    },
  });
}
