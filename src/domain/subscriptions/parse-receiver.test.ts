import { expect } from "chai";
import { DomainError } from "../errors.ts";
import { parseReceiver, toBusRegion } from "./parse-receiver.ts";
import { createReach } from "./reachable-addresses.ts";
import { SUBSCRIPTION_LIMITS } from "./subscription.ts";

const BUS = "arn:aws:events:eu-west-1:111122223333:event-bus/files";

describe("parseReceiver", () => {
  const policy = { mayReach: createReach([]), buses: [BUS] };
  const embedded = { mayReach: createReach([{ address: "127.0.0.0", bits: 8 }]), buses: [] };
  const problemOf = (url: string, { mayReach, buses } = policy) => {
    try {
      parseReceiver({ kind: "webhook", url }, { mayReach, buses });
      return "";
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      expect([error.reason, error.field]).to.deep.equal(["ARGUMENT_INVALID", "webhook_url"]);
      return error.message;
    }
  };

  it("takes https URLs in their usual spelling", () => {
    const parse = (url: string) => parseReceiver({ kind: "webhook", url }, policy);
    expect(parse("https://Example.org")).to.deep.equal({ kind: "webhook", url: "https://example.org/" });
    expect(parse("https://example.org:443/a?b=c")).to.deep.equal({ kind: "webhook", url: "https://example.org/a?b=c" });
    for (const port of [1024, 8443, 65535]) expect(problemOf(`https://example.org:${port}/`)).to.equal("");
  });

  it("says what is wrong with others", () => {
    const { urlMaxCharacters } = SUBSCRIPTION_LIMITS;
    const longest = `https://example.org/${"x".repeat(urlMaxCharacters - 20)}`;
    expect(problemOf(longest)).to.equal("");
    expect(problemOf(`${longest}x`)).to.equal("webhook_url has 2001 characters; the limit is 2000");
    expect(problemOf("example.org")).to.match(/send a URL such as/);
    expect(problemOf("ftp://example.org/")).to.match(/events go over https alone/);
    expect(problemOf("http://example.org/")).to.match(/events go over https alone/);
    expect(problemOf("https://me@example.org/")).to.match(/user or password/);
    expect(problemOf("https://:secret@example.org/"))
      .to.match(/user or password/)
      .and.not.to.contain("secret");
    expect(problemOf("https://example.org/#a")).to.match(/fragment/);
    for (const port of [0, 22, 25, 80, 1023]) expect(problemOf(`https://example.org:${port}/`)).to.match(/has port/);
  });

  it("refuses addresses that are not public, in every spelling", () => {
    const hosts = [
      "127.0.0.1",
      "0x7f.1",
      "2130706433",
      "017700000001",
      "169.254.169.254",
      "[::1]",
      "[::ffff:a9fe:a9fe]",
    ];
    for (const host of hosts) expect(problemOf(`https://${host}/`), host).to.match(/which webhooks may not reach/);
  });

  it("takes http for this host alone, where the operator allows that", () => {
    expect(problemOf("http://127.0.0.1:9000/", embedded)).to.equal("");
    expect(problemOf("http://[::1]:9000/", embedded)).to.match(/https alone/);
    expect(problemOf("http://localhost:9000/", embedded), "a name may mean another host").to.match(/https alone/);
    expect(problemOf("http://8.8.8.8/", embedded)).to.match(/https alone/);
  });

  it("takes the buses that are named, and says which there are", () => {
    expect(parseReceiver({ kind: "event-bus", arn: BUS }, policy)).to.deep.equal({ kind: "event-bus", arn: BUS });
    expect(toBusRegion(BUS)).to.equal("eu-west-1");
    const other = { kind: "event-bus" as const, arn: `${BUS}-2` };
    expect(() => parseReceiver(other, policy)).to.throw(`there are ${BUS}, which SLUICE_EVENT_BUSES names`);
    expect(() => parseReceiver(other, embedded)).to.throw("this service has no bus");
  });
});
