/** Prints a token that is good for an hour: `node make-token.ts [USER]`. Stands for an identity provider. */
import { SignJWT } from "jose";

import { AUDIENCE, ISSUER, loadKey } from "./token-rules.ts";

const token = await new SignJWT()
  .setProtectedHeader({ alg: "HS256" })
  .setSubject(process.argv[2] ?? "ada")
  .setIssuer(ISSUER)
  .setAudience(AUDIENCE)
  .setExpirationTime("1h")
  .sign(loadKey(process.env["JWT_SECRET"]));
console.log(token);
