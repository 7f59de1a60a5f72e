import { Hono } from "hono";

/** An ordinary Hono app: it knows nothing of the proxy and runs the same anywhere else. */
export const app = new Hono();

app.get("/api/books/:id", (c) =>
  c.json({ id: c.req.param("id"), client: c.req.header("x-forwarded-for") }),
);
app.post("/api/echo", async (c) => c.text(await c.req.text()));
