import { expect } from "chai";
import { type Certificates, CertificateWatch } from "./watch-certificates.ts";

const DAY_MS = 86_400_000;
const FIRST: Certificates = { cert: "first", key: "key", clientCa: "ca", expiresAt: new Date(90 * DAY_MS) };
const SECOND: Certificates = { ...FIRST, cert: "second", expiresAt: new Date(180 * DAY_MS) };
const KEPT = "the new TLS files cannot be used, and those from before stay in use; the log says why";

describe("CertificateWatch", () => {
  let files: Certificates | Error;
  let used: Certificates[];
  let said: string[];
  let problem: string | undefined;
  let nowMs: number;
  let refusal: Error | undefined;

  beforeEach(() => {
    files = FIRST;
    [used, said, problem, nowMs, refusal] = [[], [], undefined, 0, undefined];
  });

  const watch = () =>
    new CertificateWatch(FIRST, {
      read: async () => {
        if (files instanceof Error) throw files;
        return files;
      },
      use: (renewed) => {
        if (refusal !== undefined) throw refusal;
        used.push(renewed);
      },
      report: (text) => {
        problem = text;
      },
      log: { info: (_fields, text) => said.push(text), warn: (_fields, text) => said.push(text) },
      now: () => new Date(nowMs),
    });

  it("uses files that two checks in a row have found, once", async () => {
    const watching = watch();
    await watching.check();
    files = SECOND;
    await watching.check();
    expect(used, "one check has found them").to.deep.equal([]);
    for (let i = 0; i < 3; i++) await watching.check();
    expect(used).to.deep.equal([SECOND]);
    expect(said).to.deep.equal(["new connections have the new TLS files"]);
  });

  it("does not use, report or log what is being written", async () => {
    const watching = watch();
    for (const state of [new Error("cut off"), new Error("not the key"), { ...SECOND, cert: "half" }, SECOND, SECOND]) {
      files = state;
      await watching.check();
      expect(problem).to.equal(undefined);
    }
    expect(used).to.deep.equal([SECOND]);
    expect(said).to.deep.equal(["new connections have the new TLS files"]);
  });

  it("keeps what it has when files cannot be used, says so once, and is well again with the next good ones", async () => {
    const watching = watch();
    files = new Error("SLUICE_TLS_CERT is cut off");
    for (let i = 0; i < 4; i++) await watching.check();
    expect(problem).to.equal(KEPT);
    expect(said).to.deep.equal(["the TLS files cannot be used; those from before stay in use"]);
    files = SECOND;
    for (let i = 0; i < 2; i++) await watching.check();
    expect(problem).to.equal(undefined);
    expect(used).to.deep.equal([SECOND]);
    expect(said.slice(1)).to.deep.equal(["new connections have the new TLS files", "the TLS files can be used again"]);
  });

  it("is well again when the old files come back", async () => {
    const watching = watch();
    files = new Error("gone");
    for (let i = 0; i < 2; i++) await watching.check();
    files = FIRST;
    for (let i = 0; i < 2; i++) await watching.check();
    expect(problem).to.equal(undefined);
    expect(used).to.deep.equal([]);
  });

  it("reports files that OpenSSL refuses, and tries them again", async () => {
    const watching = watch();
    refusal = new Error("ee key too small");
    files = SECOND;
    for (let i = 0; i < 3; i++) await watching.check();
    expect(problem).to.equal(KEPT);
    expect(said).to.have.lengthOf(1);
    refusal = undefined;
    await watching.check();
    expect(problem).to.equal(undefined);
  });

  it("uses files at once when it is asked to", async () => {
    const watching = watch();
    files = SECOND;
    await watching.reload();
    expect(used).to.deep.equal([SECOND]);
  });

  it("reports an end of the certificate that is near, and one that has been", async () => {
    const watching = watch();
    nowMs = 83 * DAY_MS;
    expect(watching.restMs).to.equal(7 * DAY_MS);
    await watching.check();
    expect(problem).to.equal(undefined);
    nowMs = 83 * DAY_MS + 1;
    await watching.check();
    expect(problem).to.equal("the certificate ends at 1970-04-01T00:00:00.000Z; renew its files");
    nowMs = 90 * DAY_MS;
    await watching.check();
    expect(problem).to.equal("the certificate ended at 1970-04-01T00:00:00.000Z; renew its files");
    files = SECOND;
    for (let i = 0; i < 2; i++) await watching.check();
    expect(problem).to.equal(undefined);
    expect(watching.restMs).to.equal(90 * DAY_MS);
  });
});
