import { createHmac } from "node:crypto";

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A JWT as a shop's back end signs it, valid for an hour. */
export function identity(secret: string, claims: { sub: string } & Record<string, unknown>) {
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ exp, ...claims })}`;
  const signature = createHmac("sha256", secret).update(signed).digest("base64url");
  return `${signed}.${signature}`;
}
