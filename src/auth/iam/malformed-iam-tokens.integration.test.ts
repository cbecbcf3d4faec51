import { expect } from "chai";
import { createIamTokenSource } from "../../client/iam-token.ts";
import { type DevStsServer, startDevSts } from "../../devstack/sts-server.ts";
import { type SignedIdentity, writeIamToken } from "../../domain/access/iam-token.ts";
import { DomainError } from "../../domain/errors.ts";
import { createMalformedIamTokens } from "../../testing/samples/malformed-iam-tokens.ts";
import { SAMPLE_ACCOUNT, SAMPLE_ROLE } from "../../testing/samples/sample-sts-identities.ts";
import { createSeededRandom } from "../../testing/samples/seeded-random.ts";
import { startIamAuthenticator } from "./iam-authenticator.ts";

const MALFORMED = 100_000;
const FORGED = 20_000;
const FORGERS = 50;
/** Fewer than the seconds of a token, so that each is another one, and than one address may bring at once. */
const VALID = 200;
const SEED = 20_261_130;
const SERVER_ID = "files.example.org";

describe("IAM tokens of somebody's own making", () => {
  let sts: DevStsServer;
  before(async () => {
    sts = await startDevSts();
    sts.identities.set(SAMPLE_ROLE.accessKeyId, SAMPLE_ROLE);
  });
  beforeEach(() => {
    Object.assign(sts.seen, { connections: 0, requests: 0 });
  });
  after(() => sts.close());

  const start = () =>
    startIamAuthenticator({ accounts: [SAMPLE_ACCOUNT], serverId: SERVER_ID, endpoint: sts.url, trustedProxies: 0 });
  const sign = (at = Date.now()) =>
    createIamTokenSource({
      ...{ serverId: SERVER_ID, region: "eu-central-1", endpoint: sts.url, now: () => at },
      credentials: async () => ({ ...SAMPLE_ROLE, sessionToken: SAMPLE_ROLE.sessionToken ?? "" }),
    })({ refused: undefined });

  it(`open no socket when they are malformed, ${MALFORMED.toLocaleString("en")} of them`, async () => {
    const { authenticate, stop } = start();
    const valid = await sign();
    const tokens = createMalformedIamTokens(SEED, valid);
    const outcomes = new Map<string, number>();
    for (let judged = 0; judged < MALFORMED; judged++) {
      const token = tokens.next();
      const end = await judge(() => authenticate(() => `Bearer ${token}`));
      const known = end.replace(/field (\w+) .*/, "field $1");
      outcomes.set(known, (outcomes.get(known) ?? 0) + 1);
    }
    expect([...outcomes.keys()].filter((outcome) => !outcome.startsWith("TOKEN_INVALID"))).to.deep.equal([]);
    for (const field of ["key", "region", "date", "expires", "signature", "session"])
      expect([...outcomes.keys()].join(), field).to.contain(`field ${field}`);
    expect(sts.seen).to.deep.equal({ connections: 0, requests: 0 });
    expect(await authenticate(() => `Bearer ${valid}`)).to.include({ tokenKind: "iam" });
    stop();
  }).timeout(300_000);

  it(`keep nobody out when they are well-formed and forged, ${FORGED.toLocaleString("en")} of them at once`, async () => {
    const { authenticate, stop } = start();
    const random = createSeededRandom(SEED);
    const end = new AbortController();
    const forged = Array.from({ length: FORGED }, (_, i) =>
      judge(() => authenticate(() => `Bearer ${forge(random)}`, `203.0.113.${i % FORGERS}`)),
    );
    const flood = Promise.all(forged).finally(() => end.abort());
    // Each valid caller is new, as one that renews its token is.
    const refused: string[] = [];
    const begin = Date.now();
    for (let valid = 0; valid < VALID && !end.signal.aborted; valid++) {
      const token = await sign(begin - valid * 1000);
      const outcome = await judge(() => authenticate(() => `Bearer ${token}`, "192.0.2.1"));
      if (outcome !== "accepted") refused.push(outcome);
    }
    const outcomes = new Set(await flood);
    stop();
    expect(refused.slice(0, 3)).to.deep.equal([]);
    for (const outcome of outcomes) expect(outcome).to.match(/^(TOKEN_INVALID|OVERLOADED)/);
    expect([...outcomes].some((outcome) => outcome.startsWith("OVERLOADED"))).to.equal(true);
    expect(sts.seen.requests).to.be.below(FORGED);
  }).timeout(300_000);

  async function judge(authenticate: () => Promise<unknown>): Promise<string> {
    try {
      await authenticate();
      return "accepted";
    } catch (error) {
      return error instanceof DomainError ? `${error.reason} ${error.message}` : `defect ${error}`;
    }
  }

  function forge(random: () => number): string {
    const hex = () =>
      Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, "0");
    const signed: SignedIdentity = {
      accessKeyId: SAMPLE_ROLE.accessKeyId,
      region: "eu-central-1",
      date: new Date().toISOString().replace(/[-:]|\.\d+/g, ""),
      expiresSeconds: 900,
      signature: Array.from({ length: 8 }, hex).join(""),
      sessionToken: SAMPLE_ROLE.sessionToken,
    };
    return writeIamToken(signed);
  }
});
