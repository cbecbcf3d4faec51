import type { ServerResponse } from "node:http";
import { expect } from "chai";
import { createIamTokenSource } from "../../client/iam-token.ts";
import { type DevStsServer, refuseBySts, type StsIdentity, startDevSts } from "../../devstack/sts-server.ts";
import { IAM_TOKEN_PREFIX } from "../../domain/access/iam-token.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { SAMPLE_ACCOUNT, SAMPLE_ROLE, SAMPLE_USER } from "../../testing/samples/sample-sts-identities.ts";
import { type IamAuthenticator, type IamOptions, startIamAuthenticator } from "./iam-authenticator.ts";
import { SESSION_TOKEN_MAX_CHARACTERS } from "./read-iam-token.ts";

const SERVER_ID = "files.example.org";
const START = Date.UTC(2026, 10, 29, 23, 59, 50);

describe("startIamAuthenticator", () => {
  let sts: DevStsServer;
  let iam: IamAuthenticator;
  let now: number;
  let states: (string | undefined)[];

  const start = (overrides: Partial<IamOptions> = {}) => {
    iam?.stop();
    iam = startIamAuthenticator({
      ...{ accounts: [SAMPLE_ACCOUNT], serverId: SERVER_ID, endpoint: sts.url, trustedProxies: 0, now: () => now },
      onState: (region, problem) => states.push(problem && `${region}: ${problem}`),
      ...overrides,
    });
  };
  const call = (token: string, from = "192.0.2.1") =>
    iam.authenticate((name) => (name === "authorization" ? `Bearer ${token}` : undefined), from);
  const sign = (
    identity: StsIdentity = SAMPLE_ROLE,
    { serverId = SERVER_ID, region = "eu-central-1", at = now } = {},
  ) => {
    const { sessionToken, ...keys } = identity;
    const credentials = async () => (sessionToken === undefined ? keys : { ...keys, sessionToken });
    return createIamTokenSource({ serverId, region, endpoint: sts.url, credentials, now: () => at })({
      refused: undefined,
    });
  };

  before(async () => {
    sts = await startDevSts();
  });
  after(async () => {
    iam.stop();
    await sts.close();
  });
  beforeEach(() => {
    now = START;
    states = [];
    sts.override = undefined;
    sts.identities.clear();
    for (const identity of [SAMPLE_ROLE, SAMPLE_USER]) sts.identities.set(identity.accessKeyId, identity);
    start();
    Object.assign(sts.seen, { connections: 0, requests: 0 });
  });

  it("names a role without its session, which it keeps for the record", async () => {
    expect(await call(await sign())).to.deep.equal({
      principal: `iam:arn:aws:sts::${SAMPLE_ACCOUNT}:assumed-role/uploader`,
      groups: [],
      tokenKind: "iam",
      session: "i-0abc",
    });
  });

  it("names a user with its path", async () => {
    expect(await call(await sign(SAMPLE_USER))).to.deep.equal({
      principal: `iam:arn:aws:iam::${SAMPLE_ACCOUNT}:user/team/anna`,
      groups: [],
      tokenKind: "iam",
    });
  });

  it("asks STS once for a token, with a request of its own", async () => {
    let path = "";
    const token = await sign();
    sts.override = (request, response) => {
      path = request.url ?? "";
      expect(request.headers).to.include({ accept: "application/json", "x-sluice-server-id": SERVER_ID });
      sts.override = undefined;
      refuseBySts(response, 403, "AccessDenied");
    };
    await catchError(() => call(token));
    const query = new URLSearchParams(path.slice(2));
    expect([...query.keys()]).to.deep.equal([
      ...["Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires"],
      ...["X-Amz-Security-Token", "X-Amz-SignedHeaders", "X-Amz-Signature"],
    ]);
    expect(query.get("X-Amz-SignedHeaders")).to.equal("host;x-sluice-server-id");
    expect(query.get("X-Amz-Credential")).to.equal(`${SAMPLE_ROLE.accessKeyId}/20261129/eu-central-1/sts/aws4_request`);
    await Promise.all(Array.from({ length: 100 }, () => call(token)));
    await call(token);
    expect(sts.seen.requests).to.equal(2);
  });

  it("lets a token count for 15 minutes after it was signed and a minute of tolerance, and then no more", async () => {
    const token = await sign();
    await call(token);
    now = START + 960_000 - 1;
    expect(await call(token)).to.include({ tokenKind: "iam" });
    now = START + 960_000;
    expect(await catchError(() => call(token))).to.include({ code: "unauthenticated", reason: "TOKEN_EXPIRED" });
    expect(sts.seen.requests).to.equal(1);
  });

  it("lets a token count no longer than it says itself, though STS would", async () => {
    const token = rewrite(await sign(), { expires: "60" });
    now = START + 120_000 - 1;
    expect(await catchError(() => call(token))).to.include({ reason: "TOKEN_INVALID" });
    now = START + 120_000;
    expect(await catchError(() => call(token))).to.include({ reason: "TOKEN_EXPIRED" });
    const long = rewrite(await sign(SAMPLE_ROLE, { at: START }), { expires: "604800" });
    now = START + 960_000;
    expect(await catchError(() => call(long))).to.include({ reason: "TOKEN_EXPIRED" });
  });

  it("takes a clock that is a minute ahead, and no more", async () => {
    expect(await call(await sign(SAMPLE_ROLE, { at: START + 60_000 }))).to.include({ tokenKind: "iam" });
    const error = await catchError(async () => call(await sign(SAMPLE_ROLE, { at: START + 61_000 })));
    expect(error).to.include({ code: "unauthenticated", reason: "TOKEN_NOT_YET_VALID" });
  });

  it("takes session tokens of 4 KiB and of the most that it takes, and none that is longer", async () => {
    for (const length of [4096, SESSION_TOKEN_MAX_CHARACTERS]) {
      const long = { ...SAMPLE_ROLE, sessionToken: `${"A".repeat(length - 4)}/+9=` };
      sts.identities.set(long.accessKeyId, long);
      expect(await call(await sign(long)), String(length)).to.include({ tokenKind: "iam" });
    }
    const longer = await sign({ ...SAMPLE_ROLE, sessionToken: "A".repeat(SESSION_TOKEN_MAX_CHARACTERS + 1) });
    const error = await catchError(() => call(longer));
    expect(error).to.include({ code: "unauthenticated", reason: "TOKEN_INVALID" });
    expect(error).to.have.property("message").that.contains("8193 characters; the limit is 8192");
    expect(sts.seen.requests).to.equal(2);
  });

  describe("refuses", () => {
    const elsewhere = (arn: string, account = SAMPLE_ACCOUNT) => {
      sts.identities.set(SAMPLE_ROLE.accessKeyId, { ...SAMPLE_ROLE, arn, account });
      return sign();
    };
    const role = (account: string, partition = "aws") => `arn:${partition}:sts::${account}:assumed-role/uploader/a1`;
    const refusals: [what: string, reason: string, make: () => Promise<string>][] = [
      ["a token for another service", "TOKEN_INVALID", () => sign(SAMPLE_ROLE, { serverId: "other.example.org" })],
      [
        "a token that is signed by another secret",
        "TOKEN_INVALID",
        () => sign({ ...SAMPLE_ROLE, secretAccessKey: "x" }),
      ],
      [
        "a token of keys that do not exist",
        "TOKEN_INVALID",
        () => sign({ ...SAMPLE_USER, accessKeyId: "AKIAEXAMPLENOBODY000" }),
      ],
      ["a token with another session's token", "TOKEN_INVALID", () => sign({ ...SAMPLE_ROLE, sessionToken: "other" })],
      ["a token whose region was changed", "TOKEN_INVALID", async () => rewrite(await sign(), { region: "eu-west-1" })],
      ["a role of another account", "TOKEN_ISSUER_UNKNOWN", () => elsewhere(role("999988887777"), "999988887777")],
      ["a role of another partition", "TOKEN_INVALID", () => elsewhere(role(SAMPLE_ACCOUNT, "aws-cn"))],
      ["a role of another account than the answer's", "TOKEN_INVALID", () => elsewhere(role("999988887777"))],
      ["the root user", "TOKEN_CLAIM_REFUSED", () => elsewhere(`arn:aws:iam::${SAMPLE_ACCOUNT}:root`)],
      [
        "a federated user",
        "TOKEN_CLAIM_REFUSED",
        () => elsewhere(`arn:aws:sts::${SAMPLE_ACCOUNT}:federated-user/anna`),
      ],
    ];
    for (const [what, reason, make] of refusals) {
      it(what, async () => {
        const token = await make();
        const error = await catchError(() => call(token));
        expect(error).to.include({ code: "unauthenticated", reason });
        assertQuotesNothing(error, token);
        expect(states).to.deep.equal([undefined]);
      });
    }

    it("credentials that have expired, by a reason of their own", async () => {
      sts.override = (_request, response) => refuseBySts(response, 403, "ExpiredToken");
      expect(await catchError(async () => call(await sign()))).to.include({ reason: "TOKEN_EXPIRED" });
    });
  });

  describe("lets nobody in who is not known, and may be asked again, when STS", () => {
    const faults: [what: string, answer: (response: ServerResponse) => void, problem: RegExp][] = [
      ["is down", (response) => response.destroy(), /cannot be reached/],
      ["is slow", () => {}, /does not answer within 20 ms/],
      ["answers half", (response) => response.writeHead(200).write('{"GetCallerIdentityResponse":'), /within 20 ms/],
      ["redirects", (response) => response.writeHead(302, { location: `${sts.url}/` }).end(), /redirects elsewhere/],
      [
        "answers with HTML",
        (response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>"),
        /names no caller/,
      ],
      [
        "answers with another JSON",
        (response) => response.writeHead(200).end('{"Arn":"arn:aws:iam::1:user/a"}'),
        /names no caller/,
      ],
      ["answers with 1 GiB", (response) => sendGibibyte(response), /names no caller/],
      ["fails", (response) => refuseBySts(response, 500, "InternalFailure"), /status 500/],
      ["answers with 403 in HTML", (response) => response.writeHead(403).end("<p>"), /status 403/],
      ["is asked too often", (response) => refuseBySts(response, 400, "Throttling"), /status 400/],
    ];
    for (const [what, answer, problem] of faults) {
      it(what, async () => {
        const limits = { answerMaxBytes: 16_384, timeoutMs: 3_600_000 };
        start({ limits });
        const known = await sign(SAMPLE_USER);
        await call(known);
        states = [];
        const token = await sign();
        sts.override = (_request, response) => answer(response);
        // An answer that ends is never late here, and one that does not end always is.
        if (problem.source.includes("within")) limits.timeoutMs = 20;
        const error = await catchError(() => call(token));
        limits.timeoutMs = 3_600_000;
        expect(error).to.include({ code: "unavailable", reason: "STS_UNAVAILABLE", retryAfterMs: 1000 });
        assertQuotesNothing(error, token);
        expect(states[0])
          .to.match(/^eu-central-1: STS of eu-central-1/)
          .and.match(problem);
        expect(await call(known)).to.include({ tokenKind: "iam" });
        sts.override = undefined;
        expect(await call(token)).to.include({ tokenKind: "iam" });
        expect(states[1]).to.equal(undefined);
      });
    }
  });

  it("stops asking a region that is away, asks others, and lets those in who are known", async () => {
    const known = await sign(SAMPLE_USER);
    await call(known);
    const away = { "/": 0 };
    sts.override = (_request, response) => {
      away["/"]++;
      response.destroy();
    };
    for (let i = 0; i < 20; i++) {
      const error = await catchError(async () => call(await sign(SAMPLE_ROLE, { at: START - i * 1000 })));
      expect(error).to.include({ code: "unavailable", reason: "STS_UNAVAILABLE" });
    }
    // One request of the region has succeeded before, so that ten of eleven in the window are failures.
    expect(away["/"]).to.be.within(9, 10);
    sts.override = undefined;
    expect(await call(known)).to.include({ tokenKind: "iam" });
    expect(await call(await sign(SAMPLE_ROLE, { region: "us-east-1" }))).to.include({ tokenKind: "iam" });
    const error = await catchError(async () => call(await sign()));
    expect(error).to.include({ reason: "STS_UNAVAILABLE", retryAfterMs: 5000 });
  });

  it("goes on asking a region that refuses", async () => {
    const forged = { ...SAMPLE_ROLE, secretAccessKey: "x" };
    for (let i = 0; i < 50; i++) await catchError(async () => call(await sign(forged, { at: START - i * 1000 })));
    expect(sts.seen.requests).to.equal(50);
    expect(await call(await sign())).to.include({ tokenKind: "iam" });
  });

  it("asks less often for one address than for many, and takes the address that proxies tell", async () => {
    start({
      trustedProxies: 1,
      calls: { work: { runningMax: 4, waitingMax: 8 }, rate: { intervalMs: 60_000, burstMax: 2, callersMax: 10 } },
    });
    const from = (token: string, forwardedFor: string) =>
      iam.authenticate(
        (name) => ({ authorization: `Bearer ${token}`, "x-forwarded-for": forwardedFor })[name],
        "10.0.0.1",
      );
    for (const at of [0, 1, 2]) {
      const error = await catchError(async () =>
        from(await sign({ ...SAMPLE_ROLE, secretAccessKey: "x" }, { at: START - at * 1000 }), "203.0.113.9"),
      );
      expect(error).to.include(
        at < 2 ? { reason: "TOKEN_INVALID" } : { code: "resource_exhausted", reason: "OVERLOADED" },
      );
    }
    expect(await from(await sign(), "203.0.113.10")).to.include({ tokenKind: "iam" });
    expect(await from(await sign(), "203.0.113.9"), "a known token").to.include({ tokenKind: "iam" });
    expect(sts.seen.requests).to.equal(3);
  });

  /** A token with other values in some of its fields. */
  function rewrite(token: string, changes: Readonly<Record<string, string>>): string {
    const text = Buffer.from(token.slice(IAM_TOKEN_PREFIX.length), "base64url").toString();
    const fields = text.split("&").map((pair) => {
      const name = pair.slice(0, pair.indexOf("="));
      return changes[name] === undefined ? pair : `${name}=${changes[name]}`;
    });
    return `${IAM_TOKEN_PREFIX}${Buffer.from(fields.join("&")).toString("base64url")}`;
  }

  function assertQuotesNothing(error: unknown, token: string): void {
    const { message, cause } = error as Error;
    const text = Buffer.from(token.slice(IAM_TOKEN_PREFIX.length), "base64url").toString();
    for (const value of text.split("&").map((pair) => pair.slice(pair.indexOf("=") + 1))) {
      if (value.length > 16) expect(message).not.to.contain(value);
    }
    expect(cause, "a cause would be logged").to.equal(undefined);
  }

  /** Sends until nobody takes it any more. */
  function sendGibibyte(response: ServerResponse): void {
    const piece = Buffer.alloc(2 ** 20, " ");
    let left = 1024;
    response.writeHead(200, { "content-type": "application/json", "content-length": String(2 ** 30) });
    const send = () => {
      while (left-- > 0 && !response.destroyed) if (!response.write(piece)) return void response.once("drain", send);
    };
    send();
  }
});
