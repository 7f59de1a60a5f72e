import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A package as `npm pack` made it. */
export interface Tarball {
  readonly name: string;
  readonly version: string;
  readonly file: string;
}

export interface NpmRegistry {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * A registry on loopback that has these packages, so that a test runs the command that users run. For all others it
 * sends npm on to the registry that this machine uses.
 */
export async function startNpmRegistry(tarballs: readonly Tarball[]): Promise<NpmRegistry> {
  const others = execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim();
  const byName = new Map(tarballs.map((tarball) => [tarball.name, tarball]));
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://registry").pathname);
    const asked = byName.get(path.replace(/^\/(?:-\/tarball\/)?/, ""));
    if (asked === undefined) {
      response.writeHead(302, { location: others.replace(/\/$/, "") + (request.url ?? "/") }).end();
    } else if (path.startsWith("/-/tarball/")) {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      createReadStream(asked.file).pipe(response);
    } else {
      sendPackument(response, asked, server);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: urlOf(server),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** What npm reads before it fetches a package: its versions with their manifests and digests. */
function sendPackument(response: ServerResponse, tarball: Tarball, server: Server): void {
  const { name, version, file } = tarball;
  const manifest = JSON.parse(
    execFileSync("tar", ["-xzOf", file, "package/package.json"], { encoding: "utf8" }),
  ) as object;
  const digest = createHash("sha512").update(readFileSync(file)).digest("base64");
  const dist = { tarball: `${urlOf(server)}-/tarball/${name}`, integrity: `sha512-${digest}` };
  response.writeHead(200, { "content-type": "application/json" });
  response.end(
    JSON.stringify({
      name,
      "dist-tags": { latest: version },
      versions: { [version]: { ...manifest, dist } },
    }),
  );
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
