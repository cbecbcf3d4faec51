import { generateKeyPairSync } from "node:crypto";
import type { ServerResponse } from "node:http";
import { expect } from "chai";
import { createIssuerKey, type OidcIssuer, startOidcIssuer } from "../../testing/rigs/callers/oidc-issuer.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { fetchKeys } from "./fetch-keys.ts";

const MIB = 2 ** 20;
const DISCOVERY = "/.well-known/openid-configuration";

describe("fetchKeys", () => {
  let issuer: OidcIssuer;
  beforeEach(async () => {
    issuer = await startOidcIssuer();
  });
  afterEach(() => issuer.close());

  const fetchNow = (jwksUri?: string, timeoutMs = 3_600_000) =>
    fetchKeys({ issuer: issuer.url, jwksUri }, { answerMaxBytes: 256 * 1024, timeoutMs });
  const answerWith = (path: string, body: unknown, headers: Record<string, string> = {}, status = 200) =>
    issuer.overrides.set(path, (_request, response: ServerResponse) => {
      response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
    });
  const problemOf = async () => ((await catchError(fetchNow)) as Error).message;

  it("finds the keys by the discovery document, or where the configuration says", async () => {
    const { keys, unusable } = await fetchNow();
    expect([keys.map(({ kid }) => kid), unusable]).to.deep.equal([[issuer.keys[0]?.kid], 0]);
    expect(await fetchNow(`${issuer.url}/keys`)).to.deep.equal({ keys, unusable });
    expect(issuer.requests.get(DISCOVERY)).to.equal(1);
  });

  it("follows no redirect", async () => {
    const other = await startOidcIssuer();
    answerWith("/keys", "", { location: `${other.url}/keys` }, 302);
    expect(await problemOf()).to.equal(`${issuer.url}/keys redirects elsewhere, which is not followed`);
    expect(other.requests.size).to.equal(0);
    await other.close();
  });

  it("takes no HTML for keys, and quotes none of it", async () => {
    answerWith("/keys", "<html>token=hunter2</html>", { "content-type": "text/html" });
    expect(await problemOf()).to.equal(`${issuer.url}/keys answers with something that is not JSON`);
    answerWith("/keys", { message: "hunter2" });
    expect(await problemOf()).to.equal(`${issuer.url}/keys answers with something that is no JSON Web Key Set`);
    answerWith("/keys", "hunter2", {}, 503);
    expect(await problemOf()).to.equal(`${issuer.url}/keys answers with status 503`);
  });

  it("reads no more than 256 KiB of 10 MB, plain or compressed", async () => {
    let sent = 0;
    let isEnded = false;
    issuer.overrides.set("/keys", (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.once("close", () => {
        isEnded = true;
      });
      const send = () => {
        while (!isEnded && sent < 10 * MIB) {
          sent += 64 * 1024;
          if (!response.write(Buffer.alloc(64 * 1024, " "))) return void response.once("drain", send);
        }
        response.end();
      };
      send();
    });
    expect(await problemOf()).to.equal(`${issuer.url}/keys answers with more than 262144 bytes`);
    const { gzipSync } = await import("node:zlib");
    const small = gzipSync(Buffer.alloc(10 * MIB, " "));
    issuer.overrides.set("/keys", (_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(small);
    });
    expect(await problemOf()).to.equal(`${issuer.url}/keys answers with more than 262144 bytes`);
  });

  it("waits no longer than it is told, for the beginning and for the end of an answer", async () => {
    for (const answer of [() => {}, (response: ServerResponse) => void response.write("{")]) {
      // No answer ever ends, so that there is one outcome on a machine of any speed.
      issuer.overrides.set("/keys", (_request, response) => answer(response));
      const error = (await catchError(() => fetchNow(`${issuer.url}/keys`, 20))) as Error;
      expect(error.message).to.equal(`${issuer.url}/keys does not answer within 20 ms`);
    }
  });

  it("says that nobody answers", async () => {
    await issuer.close();
    expect(await problemOf()).to.equal(`${issuer.url}${DISCOVERY} cannot be reached (ECONNREFUSED)`);
    issuer = await startOidcIssuer();
  });

  it("takes no keys that are unsafe, private, symmetric or not for signatures, and counts them", async () => {
    const weak = generateKeyPairSync("rsa", { modulusLength: 512 }).publicKey.export({ format: "jwk" });
    const huge = { kty: "RSA", e: "AQAB", n: Buffer.alloc(1025, 255).toString("base64url") };
    const { publicJwk, privateKey } = await createIssuerKey();
    const secret = { kty: "oct", k: "c2VjcmV0" };
    const leaked = await crypto.subtle.exportKey("jwk", privateKey);
    const { publicJwk: fine } = await createIssuerKey("RS256");
    const unfit = [
      weak,
      huge,
      secret,
      leaked,
      { ...publicJwk, use: "enc" },
      { kty: "EC", crv: "P-256" },
      null,
      "key",
      [],
    ];
    answerWith("/keys", { keys: [...unfit, fine] });
    const { keys, unusable } = await fetchNow();
    expect([keys.map(({ kid }) => kid), unusable]).to.deep.equal([[fine.kid], unfit.length]);
  });

  it("takes no discovery document of another issuer", async () => {
    answerWith(DISCOVERY, { issuer: `${issuer.url}/`, jwks_uri: `${issuer.url}/keys` });
    expect(await problemOf()).to.contain("is of another issuer");
  });

  it("takes no keys from an address without TLS, unless the issuer is there itself", async () => {
    for (const jwksUri of ["http://keys.example.org/keys", "file:///etc/keys", "keys", 7, undefined]) {
      answerWith(DISCOVERY, { issuer: issuer.url, jwks_uri: jwksUri });
      expect(await problemOf()).to.contain("begins with https://");
    }
  });
});
