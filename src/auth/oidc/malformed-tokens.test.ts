import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { createIssuerKey, signToken } from "../../testing/rigs/oidc-issuer.ts";
import { CLAIM_NAMES, createMalformedTokens, ODD_VALUES } from "../../testing/samples/malformed-tokens.ts";
import { sampleIssuerPolicy } from "../../testing/samples/sample-issuer-policy.ts";
import { startOidcAuthenticator } from "./oidc-authenticator.ts";

const ISSUER = "https://issuer.example.org";
const TOKENS = 100_000;
const SEED = 20_261_129;

describe("malformed tokens", () => {
  it(`are all refused as unauthenticated, ${TOKENS.toLocaleString("en")} of them, and none of them hangs`, async () => {
    const key = await createIssuerKey();
    const { authenticate, stop } = startOidcAuthenticator({
      issuers: [sampleIssuerPolicy(ISSUER)],
      fetchKeys: async () => ({ keys: [key.publicJwk], unusable: 0 }),
    });
    const valid = await signToken(key, { iss: ISSUER });
    const tokens = createMalformedTokens(SEED, valid);
    const outcomes = new Map<string, number>();
    for (let judged = 0; judged < TOKENS; judged += 1000) {
      const batch = Array.from({ length: 1000 }, () => tokens.next());
      const ends = await Promise.all(batch.map((token) => judge(() => authenticate(() => `Bearer ${token}`), token)));
      for (const end of ends) outcomes.set(end, (outcomes.get(end) ?? 0) + 1);
    }
    stop();
    const wrong = [...outcomes.keys()].filter((outcome) => !outcome.startsWith("TOKEN_"));
    expect(wrong.slice(0, 3)).to.deep.equal([]);
    // The kinds are not all refused by the first check.
    expect(outcomes.size).to.equal(3);
    expect(await authenticate(() => `Bearer ${valid}`)).to.include({ principal: "test:anna" });
  }).timeout(300_000);

  it("are refused or understood when their issuer has signed them, and are no defect", async () => {
    const key = await createIssuerKey();
    const { authenticate, stop } = startOidcAuthenticator({
      issuers: [sampleIssuerPolicy(ISSUER)],
      fetchKeys: async () => ({ keys: [key.publicJwk], unusable: 0 }),
    });
    const outcomes = new Set<string>();
    for (const name of CLAIM_NAMES) {
      for (const value of ODD_VALUES) {
        const token = await signToken(key, { iss: ISSUER, [name]: value });
        outcomes.add((await judge(() => authenticate(() => `Bearer ${token}`), token)).split(" ", 1)[0] ?? "");
      }
    }
    stop();
    expect([...outcomes]).to.have.members([
      ...["accepted", "TOKEN_EXPIRED", "TOKEN_NOT_YET_VALID"],
      ...["TOKEN_ISSUER_UNKNOWN", "TOKEN_AUDIENCE_WRONG", "TOKEN_CLAIM_REFUSED"],
    ]);
  });

  async function judge(authenticate: () => Promise<unknown>, token: string): Promise<string> {
    try {
      await authenticate();
      return `accepted ${token}`;
    } catch (error) {
      return error instanceof DomainError && error.code === "unauthenticated"
        ? error.reason
        : `defect ${error} ${token}`;
    }
  }
});
