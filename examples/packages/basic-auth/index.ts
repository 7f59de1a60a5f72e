/** Names and passwords (RFC 7617). The config holds scrypt hashes, so whoever reads it can log in nowhere. */
import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";

import { definePlugin, type Context, type Plugin } from "@gatewright/sdk";

export interface BasicAuthOptions {
  /** Hashes made by {@link hashPassword}, by name. */
  readonly users: Readonly<Record<string, string>>;
  /** What the browser shows. Default `"restricted"`. */
  readonly realm?: string;
  /** Where it is asked for, by the beginning of the path. Default: everywhere, `["/"]`. */
  readonly paths?: readonly string[];
  /** Field that tells the upstream the name. Default `"x-user"`; `false`: none. */
  readonly userField?: string | false;
}

/** About 50 ms and 16 MiB: a guess costs as much as a login. */
const COST = { N: 16_384, r: 8, p: 1 };
const KEY_BYTES = 32;
/** Credentials that were right not long ago are known again without the cost. */
const MAX_REMEMBERED = 1_000;
const REMEMBERED_MS = 300_000;
/** Hashes under way at once. More would take the threads that everything else needs. */
const MAX_PENDING = 8;

/** For the config: `node -e 'import("gatewright-plugin-basic-auth").then(async (m) => console.log(await m.hashPassword("…")))'`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt);
  return `scrypt$${salt.toString("base64url")}$${key.toString("base64url")}`;
}

const basicAuth: (options: BasicAuthOptions) => Plugin = definePlugin(
  (options: BasicAuthOptions) => {
    const { realm = "restricted", paths = ["/"], userField = "x-user" } = options;
    if (!/^[\x20\x21\x23-\x5B\x5D-\x7E]*$/.test(realm)) {
      throw new TypeError("basic-auth: the realm must be ASCII without quotes and backslashes.");
    }
    const users = new Map(
      Object.entries(options.users).map(([name, hash]) => [name, parseHash(name, hash)]),
    );
    const checks = new Checks(users);

    return {
      name: "gatewright-plugin-basic-auth",
      order: "pre",

      async onRequest(request, ctx) {
        const field = request.headers.get("authorization");
        if (userField !== false) request.headers.delete(userField);
        if (!paths.some((path) => request.path.startsWith(path))) return;
        const credentials = parseCredentials(field);
        if (credentials === undefined) return unauthorized(ctx, realm);
        const outcome = await checks.check(credentials, ctx.now);
        if (outcome === "busy") {
          return ctx.json({ error: "too many logins at once" }, 503, { "retry-after": 1 });
        }
        if (outcome === "wrong") {
          ctx.score.add(1, "a wrong name or password", "basic-auth");
          return unauthorized(ctx, realm);
        }
        // The upstream needs no password.
        request.headers.delete("authorization");
        if (userField !== false) {
          request.headers.set(userField, encodeURIComponent(credentials.name));
        }
        ctx.state["user"] = credentials.name;
      },
    };
  },
);

export default basicAuth;

interface Credentials {
  readonly name: string;
  readonly password: string;
}

interface Hash {
  readonly salt: Buffer;
  readonly key: Buffer;
}

/** Stands in for a name that nobody has: it takes as long as a wrong password, so names cannot be found out. */
const NOBODY: Hash = { salt: randomBytes(16), key: randomBytes(KEY_BYTES) };

class Checks {
  readonly #users: ReadonlyMap<string, Hash>;
  /** Of this generation only: what is remembered is keyed with it, so a copy of the memory is no list of passwords. */
  readonly #secret = randomBytes(32);
  /** Until when, by credentials. */
  readonly #known = new Map<string, number>();
  readonly #pending = new Map<string, Promise<boolean>>();

  constructor(users: ReadonlyMap<string, Hash>) {
    this.#users = users;
  }

  async check(credentials: Credentials, now: number): Promise<"right" | "wrong" | "busy"> {
    const text = `${credentials.name}:${credentials.password}`;
    const tag = createHmac("sha256", this.#secret).update(text).digest("base64");
    if ((this.#known.get(tag) ?? 0) > now) return "right";
    let pending = this.#pending.get(tag);
    if (pending === undefined) {
      if (this.#pending.size >= MAX_PENDING) return "busy";
      pending = this.#compare(credentials).finally(() => this.#pending.delete(tag));
      this.#pending.set(tag, pending);
    }
    if (!(await pending)) return "wrong";
    this.#remember(tag, now);
    return "right";
  }

  async #compare({ name, password }: Credentials): Promise<boolean> {
    const user = this.#users.get(name);
    const { salt, key } = user ?? NOBODY;
    const same = timingSafeEqual(await derive(password, salt), key);
    return same && user !== undefined;
  }

  #remember(tag: string, now: number): void {
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MAX_REMEMBERED && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(tag, now + REMEMBERED_MS);
  }
}

/** RFC 7617 §2.1: asks for UTF-8. */
function unauthorized(ctx: Context, realm: string) {
  return ctx.respond(401, "A name and a password are needed.\n", {
    "content-type": "text/plain; charset=utf-8",
    "www-authenticate": `Basic realm="${realm}", charset="UTF-8"`,
  });
}

function parseCredentials(field: string | null): Credentials | undefined {
  const [, encoded] = /^basic +([a-z0-9+/=_-]+) *$/i.exec(field ?? "") ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon === -1) return undefined;
  return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

function parseHash(name: string, text: string): Hash {
  const [scheme, salt = "", key = ""] = text.split("$");
  const hash = { salt: Buffer.from(salt, "base64url"), key: Buffer.from(key, "base64url") };
  if (scheme === "scrypt" && hash.salt.length > 0 && hash.key.length === KEY_BYTES) return hash;
  throw new TypeError(
    `basic-auth: users[${JSON.stringify(name)}] is no hash; expected what hashPassword() gives.`,
  );
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFC"), salt, KEY_BYTES, COST, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
