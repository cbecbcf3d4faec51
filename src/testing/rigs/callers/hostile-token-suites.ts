import { expect } from "chai";
import { type IamOptions, startIamAuthenticator } from "../../../auth/iam/iam-authenticator.ts";
import { startOidcAuthenticator } from "../../../auth/oidc/oidc-authenticator.ts";
import { createPurposeSigner } from "../../../auth/purpose-signer.ts";
import { createUploadTokenAuthenticator } from "../../../auth/upload/upload-token-authenticator.ts";
import { formatUploadToken, UPLOAD_TOKEN_PURPOSE } from "../../../auth/upload/upload-token-form.ts";
import { createIamTokenSource } from "../../../client/iam-token.ts";
import { type DevStsServer, startDevSts } from "../../../devstack/sts-server.ts";
import { writeIamToken } from "../../../domain/access/iam-token.ts";
import { DomainError } from "../../../domain/errors.ts";
import { createMalformedIamTokens } from "../../samples/malformed-iam-tokens.ts";
import { createMalformedTokens } from "../../samples/malformed-tokens.ts";
import { createMalformedUploadTokens } from "../../samples/malformed-upload-tokens.ts";
import { sampleIssuerPolicy } from "../../samples/sample-issuer-policy.ts";
import { sampleUploadToken } from "../../samples/sample-records.ts";
import { SAMPLE_ACCOUNT, SAMPLE_ROLE } from "../../samples/sample-sts-identities.ts";
import { createSeededRandom } from "../../samples/seeded-random.ts";
import { createIssuerKey, signToken } from "./oidc-issuer.ts";

const SEED = 20_261_130;
const NOW = Date.UTC(2026, 10, 30);
const ISSUER = "https://issuer.example.org";
const SERVER_ID = "files.example.org";
/** Tokens that are judged at once. */
const BATCH = 1000;
/**
 * No answer of STS is late in these suites. A burst holds the event loop for longer than a call of STS may take on a busy machine, and
 * Node ends the call by its timer before it reads the answer that has come.
 */
const NEVER_LATE = { answerMaxBytes: 16_384, timeoutMs: 2 ** 31 - 1 };

/** How many forged tokens come at once, from how many addresses, and with how many calls of somebody honest. */
export interface Flood {
  forged: number;
  forgers: number;
  /** Fewer than the seconds of a token, so that each is another one, and than one address may bring at once. */
  valid: number;
  calls?: IamOptions["calls"];
}

/** Tests that each kind of token is refused, and is no defect, when it is malformed: so many of each kind, from a fixed seed. */
export function malformedTokenSuite(tokens: number): void {
  describe(`${tokens.toLocaleString("en")} malformed tokens`, () => {
    it("of issuers are refused as unauthenticated, and none of them hangs", async () => {
      const key = await createIssuerKey();
      const { authenticate, stop } = startOidcAuthenticator({
        issuers: [sampleIssuerPolicy(ISSUER)],
        fetchKeys: async () => ({ keys: [key.publicJwk], unusable: 0 }),
        now: () => NOW,
      });
      const valid = await signToken(key, { iss: ISSUER }, { now: NOW });
      const outcomes = await judgeAll(tokens, createMalformedTokens(SEED, valid).next, authenticate);
      // The kinds are not all refused by the first check.
      expect(new Set(outcomes.map((outcome) => outcome.split(" ")[0])).size).to.equal(3);
      expect(await authenticate(() => `Bearer ${valid}`)).to.include({ principal: "test:anna" });
      stop();
    });

    it("of the service's own uploads are refused", async () => {
      const signer = createPurposeSigner([Buffer.alloc(32, 1)], UPLOAD_TOKEN_PURPOSE);
      const valid = formatUploadToken(sampleUploadToken({ expireTime: new Date(NOW + 86_400_000) }), signer);
      const authenticate = createUploadTokenAuthenticator({
        ...{ signer, acceptsIssuer: () => true, uploadLifeMaxMs: 86_400_000, now: () => NOW },
      });
      const outcomes = await judgeAll(tokens, createMalformedUploadTokens(SEED, valid), authenticate);
      expect(outcomes.filter((outcome) => !outcome.startsWith("TOKEN_INVALID"))).to.deep.equal([]);
    });

    it("of IAM are refused without a socket to AWS", async () => {
      await withSts(async (sts) => {
        const { authenticate, stop } = startIam(sts);
        const valid = await sign(sts, NOW);
        const outcomes = await judgeAll(tokens, createMalformedIamTokens(SEED, valid).next, authenticate);
        expect(outcomes.filter((outcome) => !outcome.startsWith("TOKEN_INVALID"))).to.deep.equal([]);
        for (const field of ["key", "region", "date", "expires", "signature", "session"])
          expect(outcomes.join(), field).to.contain(`field ${field}`);
        expect(sts.seen).to.deep.equal({ connections: 0, requests: 0 });
        expect(await authenticate(() => `Bearer ${valid}`)).to.include({ tokenKind: "iam" });
        stop();
      });
    });
  });
}

/** Tests that forged IAM tokens, all of which only AWS can tell from valid ones, keep out nobody whose token is valid. */
export function forgedTokenSuite({ forged, forgers, valid, calls }: Flood): void {
  it(`${forged.toLocaleString("en")} forged IAM tokens at once keep nobody else out`, async () => {
    await withSts(async (sts) => {
      const { authenticate, stop } = startIam(sts, calls);
      const random = createSeededRandom(SEED);
      const flood = Array.from({ length: forged }, (_, i) =>
        judge(() => authenticate(() => `Bearer ${forge(random)}`, `203.0.113.${i % forgers}`)),
      );
      // Each valid caller is new, as one that renews its token is.
      for (let seconds = 0; seconds < valid; seconds++) {
        const token = await sign(sts, NOW - seconds * 1000);
        expect(await judge(() => authenticate(() => `Bearer ${token}`, "192.0.2.1"))).to.equal("accepted");
      }
      const outcomes = new Set(await Promise.all(flood));
      stop();
      for (const outcome of outcomes) expect(outcome).to.match(/^(TOKEN_INVALID|OVERLOADED)/);
      expect([...outcomes].some((outcome) => outcome.startsWith("OVERLOADED"))).to.equal(true);
      expect(sts.seen.requests).to.be.below(forged);
    });
  });
}

/** The different outcomes of so many tokens. Fails for one that is accepted, or refused by anything but a reason of tokens. */
async function judgeAll(
  count: number,
  next: () => string,
  authenticate: (header: () => string) => Promise<unknown>,
): Promise<string[]> {
  const outcomes = new Set<string>();
  for (let judged = 0; judged < count; judged += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - judged) }, next);
    const ends = await Promise.all(batch.map((token) => judge(() => authenticate(() => `Bearer ${token}`))));
    for (const end of ends) outcomes.add(end.replace(/field (\w+) .*/, "field $1"));
  }
  expect([...outcomes].filter((outcome) => !outcome.startsWith("TOKEN_"))).to.deep.equal([]);
  return [...outcomes];
}

async function judge(authenticate: () => Promise<unknown>): Promise<string> {
  try {
    await authenticate();
    return "accepted";
  } catch (error) {
    return error instanceof DomainError ? `${error.reason} ${error.message}` : `defect ${error}`;
  }
}

async function withSts(use: (sts: DevStsServer) => Promise<void>): Promise<void> {
  const sts = await startDevSts();
  sts.identities.set(SAMPLE_ROLE.accessKeyId, SAMPLE_ROLE);
  await use(sts).finally(() => sts.close());
}

function startIam({ url: endpoint }: DevStsServer, calls?: IamOptions["calls"]) {
  return startIamAuthenticator({
    ...{ accounts: [SAMPLE_ACCOUNT], serverId: SERVER_ID, endpoint, trustedProxies: 0, now: () => NOW },
    ...{ limits: NEVER_LATE, ...(calls && { calls }) },
  });
}

function sign({ url: endpoint }: DevStsServer, at: number): Promise<string> {
  const credentials = async () => ({ ...SAMPLE_ROLE, sessionToken: SAMPLE_ROLE.sessionToken ?? "" });
  const options = { serverId: SERVER_ID, region: "eu-central-1", endpoint, credentials, now: () => at };
  return createIamTokenSource(options)({ refused: undefined });
}

/** A well-formed token with a signature that is not the role's. */
function forge(random: () => number): string {
  const hex = () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, "0");
  return writeIamToken({
    ...{ accessKeyId: SAMPLE_ROLE.accessKeyId, region: "eu-central-1", expiresSeconds: 900 },
    date: new Date(NOW).toISOString().replace(/[-:]|\.\d+/g, ""),
    signature: Array.from({ length: 8 }, hex).join(""),
    sessionToken: SAMPLE_ROLE.sessionToken,
  });
}
