const PARTS = "A 206 is passed on and not stored: parts are not put together.";
const COOKIES = "A response with Set-Cookie is not stored (`setCookie`).";

/** Tests of http-tests/cache-tests that do not pass, each with the reason. A test that is not here must pass. */
export const CACHE_GAPS: Readonly<Record<string, string>> = {
  "headers-store-Set-Cookie": COOKIES,
  "headers-store-Set-Cookie2": "Nor is that of its obsolete kin replayed.",
  "other-set-cookie": COOKIES,
  "headers-store-Transfer-Encoding":
    "The suite's server sends Transfer-Encoding: true, which is no framing that can be trusted (RFC 9112 §6.1): 502.",
  "method-POST": "A POST is not answered from the store.",
  "conditional-lm-fresh-no-lm":
    "A stored response without Last-Modified is sent whole: the time at which it came is not when it was changed.",
  "partial-store-partial-reuse-partial": PARTS,
  "partial-store-partial-reuse-partial-byterange": PARTS,
  "partial-store-partial-reuse-partial-absent": PARTS,
  "partial-store-partial-reuse-partial-suffix": PARTS,
  "partial-store-partial-complete": PARTS,
};
