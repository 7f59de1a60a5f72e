/** Security fields on every response, and no word about what software runs. */
import { definePlugin, type Plugin } from "@gatewright/sdk";

/** Each field is a text, or `false` to leave it to the upstream. What the upstream has set itself stays. */
export interface SecurityHeadersOptions {
  /** Default: a year. Sent over TLS only: the proxy drops it elsewhere (RFC 6797 §7.2). */
  readonly hsts?: string | false;
  /** Of HTML only. Default: everything from the own origin, no plug-ins, no frames. */
  readonly contentSecurityPolicy?: string | false;
  /** Default `"same-origin"`: other sites' windows have no hold on this one. */
  readonly crossOriginOpenerPolicy?: string | false;
  /** Default `false`: `"require-corp"` makes documents cross-origin isolated, and breaks those that embed other sites. */
  readonly crossOriginEmbedderPolicy?: string | false;
  /** Default `"same-origin"`. Images and scripts for other sites need `"cross-origin"`. */
  readonly crossOriginResourcePolicy?: string | false;
  /** Default `"strict-origin-when-cross-origin"`. */
  readonly referrerPolicy?: string | false;
  /** Default: no camera, microphone, location or payment. */
  readonly permissionsPolicy?: string | false;
  /** More names of fields to remove. Default: none. */
  readonly remove?: readonly string[];
}

/** Fields that tell strangers what to attack. */
const TELLTALES = [
  "server",
  "x-powered-by",
  "x-aspnet-version",
  "x-aspnetmvc-version",
  "x-generator",
  "x-runtime",
];

const securityHeaders: (options?: SecurityHeadersOptions) => Plugin = definePlugin(
  (options: SecurityHeadersOptions = {}) => {
    const {
      hsts = "max-age=31536000; includeSubDomains",
      contentSecurityPolicy = "default-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'",
      crossOriginOpenerPolicy = "same-origin",
      crossOriginEmbedderPolicy = false,
      crossOriginResourcePolicy = "same-origin",
      referrerPolicy = "strict-origin-when-cross-origin",
      permissionsPolicy = "camera=(), microphone=(), geolocation=(), payment=()",
      remove = [],
    } = options;
    const always: readonly (readonly [string, string | false])[] = [
      ["strict-transport-security", hsts],
      ["cross-origin-resource-policy", crossOriginResourcePolicy],
      ["referrer-policy", referrerPolicy],
      ["x-content-type-options", "nosniff"],
    ];
    const documents: readonly (readonly [string, string | false])[] = [
      ["content-security-policy", contentSecurityPolicy],
      ["cross-origin-opener-policy", crossOriginOpenerPolicy],
      ["cross-origin-embedder-policy", crossOriginEmbedderPolicy],
      ["permissions-policy", permissionsPolicy],
    ];
    return {
      name: "gatewright-plugin-security-headers",
      order: "pre",
      onResponse(response) {
        const { headers } = response;
        for (const name of TELLTALES) headers.delete(name);
        for (const name of remove) headers.delete(name);
        const isHtml = headers.get("content-type")?.startsWith("text/html") === true;
        for (const [name, value] of isHtml ? [...always, ...documents] : always) {
          if (value !== false && !headers.has(name)) headers.set(name, value);
        }
      },
    };
  },
);

export default securityHeaders;
