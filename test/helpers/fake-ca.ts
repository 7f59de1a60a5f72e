/**
 * A CA as an `AcmeTransport`: it believes every challenge and issues what was asked for, or fails as told. No sockets, and
 * its time is the test's.
 */
import { createHash, X509Certificate } from "node:crypto";

import { loadX509 } from "../../runtime/primitives/tls/issuing.ts";
import { AcmeError } from "../../runtime/primitives/tls/acme/acme-error.ts";
import type { AcmeAnswer, AcmeTransport } from "../../runtime/primitives/tls/acme/transport.ts";

export interface FakeCa {
  readonly directory: string;
  readonly transport: AcmeTransport;
  /** Orders so far, by their names. */
  readonly orders: string[];
  readonly requests: { readonly url: string; readonly payload: unknown; readonly head: unknown }[];
  /** Answers instead of the CA, for as long as it returns something. */
  fail: ((path: string) => Partial<AcmeAnswer> | "down" | undefined) | undefined;
  /** Of new authorizations. */
  authorization: "valid" | "invalid" | "pending";
  lifeMs: number;
  /** What challenges were answered with, by type. */
  readonly challenged: string[];
}

interface Order {
  readonly names: readonly string[];
  chain: string | undefined;
}

const BASE = "https://ca.test";
const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 86_400_000;
const SUBJECT_ALT_NAME = "2.5.29.17";

export function createFakeCa(now: () => number): FakeCa {
  const orders: Order[] = [];
  let nonces = 0;
  const ca: FakeCa = {
    directory: `${BASE}/dir`,
    orders: [],
    requests: [],
    fail: undefined,
    authorization: "valid",
    lifeMs: 90 * DAY_MS,
    challenged: [],
    transport: async (method, url, body) => {
      const path = url.slice(BASE.length);
      const failure = ca.fail?.(path);
      if (failure === "down") throw new AcmeError("unreachable", "the CA cannot be reached");
      if (failure !== undefined) {
        return { status: 500, text: "{}", headers: {}, ...failure };
      }
      const { payload, head } = read(body);
      if (method === "POST") ca.requests.push({ url: path, payload, head });
      const answer = await serve(path, payload);
      return {
        status: answer.status ?? 200,
        text: typeof answer.json === "string" ? answer.json : JSON.stringify(answer.json ?? {}),
        headers: {
          "replay-nonce": `nonce-${nonces++}`,
          "content-type": typeof answer.json === "string" ? "application/pem" : "application/json",
          ...(answer.location === undefined ? {} : { location: BASE + answer.location }),
        },
      };
    },
  };

  async function serve(
    path: string,
    payload: unknown,
  ): Promise<{ status?: number; json?: object | string; location?: string }> {
    const [, kind = "", at = "0", name = ""] = path.split("/");
    const order = orders[Number(at)];
    switch (kind) {
      case "dir":
        return {
          json: {
            newNonce: `${BASE}/nonce`,
            newAccount: `${BASE}/account`,
            newOrder: `${BASE}/new-order`,
          },
        };
      case "account":
        return { status: 201, json: {}, location: "/account/1" };
      case "new-order": {
        const { identifiers } = payload as { identifiers: readonly { value: string }[] };
        const names = identifiers.map(({ value }) => value);
        orders.push({ names, chain: undefined });
        ca.orders.push(names.join(" "));
        const index = orders.length - 1;
        return { status: 201, location: `/order/${index}`, json: orderJson(index) };
      }
      case "order":
        return { json: orderJson(Number(at)) };
      case "authorization": {
        const error = { type: "urn:ietf:params:acme:error:connection", detail: "no answer" };
        const isAnswered = ca.challenged.some((one) => one.endsWith(` ${at}/${name}`));
        const status = isAnswered || ca.authorization === "valid" ? ca.authorization : "pending";
        return {
          json: {
            status,
            identifier: { type: "dns", value: name },
            challenges: ["http-01", "tls-alpn-01"].map((type) => ({
              type,
              url: `${BASE}/challenge/${at}/${name}/${type}`,
              token: createHash("sha256").update(`${at}${name}`).digest("base64url"),
              ...(status === "invalid" ? { error } : {}),
            })),
          },
        };
      }
      case "challenge":
        ca.challenged.push(`${path.split("/").at(-1)} ${at}/${name}`);
        return { json: {} };
      case "finalize":
        if (order !== undefined) {
          order.chain = await sign((payload as { csr: string }).csr, now(), ca.lifeMs);
        }
        return { json: orderJson(Number(at)) };
      case "certificate":
        return { json: order?.chain ?? "" };
      default:
        return {};
    }
  }

  function orderJson(at: number): object {
    const order = orders[at];
    return {
      status: order?.chain === undefined ? "ready" : "valid",
      authorizations: order?.names.map((name) => `${BASE}/authorization/${at}/${name}`),
      finalize: `${BASE}/finalize/${at}`,
      certificate: `${BASE}/certificate/${at}`,
    };
  }

  return ca;
}

/** A certificate for what the request asks, signed by a key that nobody keeps. */
async function sign(csr: string, now: number, lifeMs: number): Promise<string> {
  const x509 = await loadX509();
  const request = new x509.Pkcs10CertificateRequest(Buffer.from(csr, "base64url"));
  const keys = await crypto.subtle.generateKey(EC, true, ["sign", "verify"]);
  const names = request.getExtension(SUBJECT_ALT_NAME);
  const cert = await x509.X509CertificateGenerator.create({
    subject: "CN=leaf",
    issuer: "CN=fake",
    notBefore: new Date(now),
    notAfter: new Date(now + lifeMs),
    publicKey: request.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: EC,
    extensions: names === null ? [] : [names],
  });
  return new X509Certificate(Buffer.from(cert.rawData)).toString();
}

function read(body: string | undefined): { payload: unknown; head: unknown } {
  if (body === undefined) return { payload: undefined, head: undefined };
  const { payload, protected: head } = JSON.parse(body) as { payload: string; protected: string };
  const decode = (text: string): unknown =>
    text === "" ? undefined : JSON.parse(Buffer.from(text, "base64url").toString());
  return { payload: decode(payload), head: decode(head) };
}
