/** `curl` lines of the docs, as requests. Nothing is run. */

export interface CurlRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Options without a value that change nothing about the request. */
const PLAIN: ReadonlySet<string> = new Set(["-i", "-s", "-N", "-k"]);
/** Options whose value is for the connection, not for the request. */
const FOR_THE_CONNECTION: ReadonlySet<string> = new Set(["-m", "--cacert", "--cert", "--key"]);

/** Words after `curl`, with shell variables filled in from `variables`. Throws for what it does not know. */
export function toCurlRequest(
  words: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): CurlRequest {
  const headers: Record<string, string> = {};
  let url: string | undefined;
  let method: string | undefined;
  let body: string | undefined;
  const rest = words.map((word) => fill(word, variables));
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (PLAIN.has(word)) continue;
    if (!word.startsWith("-")) {
      url = word;
      continue;
    }
    const value = rest.shift();
    if (value === undefined) throw new Error(`curl: ${word} without a value`);
    if (FOR_THE_CONNECTION.has(word)) continue;
    if (word === "-X") method = value;
    else if (word === "-d") body = value;
    else if (word === "-b") headers["cookie"] = value;
    else if (word === "-u") headers["authorization"] = `Basic ${btoa(value)}`;
    else if (word === "-H") {
      const [, name = "", text = ""] = /^([^:]+):\s*(.*)$/.exec(value) ?? [];
      headers[name.toLowerCase()] = text;
    } else throw new Error(`curl: ${word} is not known here`);
  }
  if (url === undefined) throw new Error(`curl: no URL in ${words.join(" ")}`);
  if (body !== undefined) headers["content-type"] ??= "application/x-www-form-urlencoded";
  return { url, method: method ?? (body === undefined ? "GET" : "POST"), headers, body };
}

function fill(word: string, variables: Readonly<Record<string, string>>): string {
  return word.replaceAll(/\$([A-Z_]+)/g, (_whole, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`curl: nobody said what $${name} is`);
    return value;
  });
}
