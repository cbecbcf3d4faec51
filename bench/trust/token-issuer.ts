import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

const ALGORITHM = "ES256";
const KEY_ID = "bench";

/** An issuer of tokens with one key. */
export interface TokenIssuer {
  readonly url: string;
  /** A token for the audience "sluice" that lives for so many seconds. */
  sign(claims: { subject: string; groups: readonly string[]; lifetimeSeconds: number }): Promise<string>;
  close(): void;
}

/** Starts an issuer on this machine: it publishes its key, and where the key is. */
export async function startTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM);
  const key = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: ALGORITHM, use: "sig" };
  const server = createServer((request, response) => {
    const isAboutKeys = request.url === "/keys";
    const answer = isAboutKeys ? { keys: [key] } : { issuer: url, jwks_uri: `${url}/keys` };
    response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    sign: ({ subject, groups, lifetimeSeconds }) =>
      new SignJWT({ groups })
        .setProtectedHeader({ alg: ALGORITHM, kid: KEY_ID })
        .setIssuer(url)
        .setAudience("sluice")
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime(`${lifetimeSeconds} s`)
        .sign(privateKey),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
