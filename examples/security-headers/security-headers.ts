import { definePlugin } from "@gatewright/sdk";

/** Each field is a text, or `false` to leave it to the upstream. What the upstream has set itself stays. */
export interface SecurityHeaders {
  /** Default: a year. Sent over TLS only: the proxy drops it elsewhere (RFC 6797 §7.2). */
  hsts?: string | false;
  /** Of HTML only. Default: everything from the own origin, no plug-ins, no frames. */
  contentSecurityPolicy?: string | false;
  /** Default `"same-origin"`: other sites' windows have no hold on this one. */
  crossOriginOpenerPolicy?: string | false;
  /** Default `"same-origin"`. Images and scripts for other sites need `"cross-origin"`. */
  crossOriginResourcePolicy?: string | false;
  /** Default `"strict-origin-when-cross-origin"`. */
  referrerPolicy?: string | false;
  /** Default: no camera, microphone, location or payment. */
  permissionsPolicy?: string | false;
  /** More names of fields to remove. Default: none. */
  remove?: readonly string[];
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

export const securityHeaders = definePlugin((options: SecurityHeaders = {}) => {
  const {
    hsts = "max-age=31536000; includeSubDomains",
    contentSecurityPolicy = "default-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'",
    crossOriginOpenerPolicy = "same-origin",
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
    ["permissions-policy", permissionsPolicy],
  ];
  return {
    name: "security-headers",
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
});
