import { expect } from "chai";
import { useManualClock } from "../testing/fakes/use-manual-clock.ts";
import { catchError } from "../testing/samples/sample-records.ts";
import { createDevAuthenticator } from "./dev-authenticator.ts";
import { logFailures } from "./failure-log.ts";

describe("logFailures", () => {
  const { pass } = useManualClock();
  let lines: { fields: object; message: string }[];
  beforeEach(() => {
    lines = [];
  });

  const open = (trustedProxies = 0) => {
    const log = { warn: (fields: object, message: string) => lines.push({ fields, message }) };
    const authenticate = logFailures(createDevAuthenticator("s3cret-token"), { log, trustedProxies });
    return (headers: Record<string, string>, from?: string) => authenticate((name) => headers[name], from);
  };

  it("writes why and from where, and nothing that was sent", async () => {
    const authenticate = open();
    const headers = { authorization: "Bearer wr0ng", "x-forwarded-for": "forged" };
    expect(await catchError(() => authenticate(headers, "192.0.2.7"))).to.include({ reason: "TOKEN_INVALID" });
    expect(await catchError(() => authenticate({}, "192.0.2.8"))).to.include({ reason: "TOKEN_MISSING" });
    expect(lines.map(({ fields }) => fields)).to.deep.equal([
      { reason: "TOKEN_INVALID", connectedFrom: "192.0.2.7", forwardedFor: undefined },
      { reason: "TOKEN_MISSING", connectedFrom: "192.0.2.8", forwardedFor: undefined },
    ]);
    expect(JSON.stringify(lines)).not.to.match(/wr0ng|forged|s3cret/);
    await pass(60_000);
  });

  it("writes what trusted proxies say of the caller, of bounded length", async () => {
    const authenticate = open(1);
    const headers = { "x-forwarded-for": `${"1, ".repeat(1000)}192.0.2.9` };
    await catchError(() => authenticate(headers, "10.0.0.1"));
    const { forwardedFor = "" } = (lines[0]?.fields ?? {}) as { forwardedFor?: string };
    expect([forwardedFor.length, forwardedFor.endsWith(", 192.0.2.9")]).to.deep.equal([200, true]);
    await pass(60_000);
  });

  it("writes nothing of callers that it knows", async () => {
    const authenticate = open();
    expect(await authenticate({ authorization: "Bearer s3cret-token" })).to.include({ principal: "dev:local" });
    expect(lines).to.deep.equal([]);
  });

  it("writes few lines of a flood, and how many it left out", async () => {
    const authenticate = open();
    for (let i = 0; i < 5000; i++) await catchError(() => authenticate({}, "192.0.2.7"));
    expect(lines.length).to.equal(10);
    await pass(60_000);
    expect(lines.slice(10)).to.deep.equal([
      { fields: { failures: 4990 }, message: "more callers failed to authenticate, without lines of their own" },
    ]);
    await catchError(() => authenticate({}, "192.0.2.7"));
    expect(lines.length).to.equal(12);
    await pass(60_000);
    expect(lines.length).to.equal(12);
  });
});
