import { expect } from "chai";
import { toDomainError, toS3Failure } from "../errors.ts";
import { S3ResponseError } from "./body-requests.ts";
import type { OperationClass } from "./breaker.ts";
import { type Breakers, BucketBreakers } from "./bucket-breakers.ts";

const fail = (name: string, status: number) => () => Promise.reject(new S3ResponseError(name, status));

describe("Breaker", () => {
  const open = (openMs = 20) => {
    const changes: [OperationClass, boolean][] = [];
    const limits = { failurePercentMax: 50, requestsMin: 4, windowMs: 10_000, openMs };
    const onChange = ({ operation }: { operation: OperationClass }, isOpen: boolean) =>
      changes.push([operation, isOpen]);
    const breakers = new BucketBreakers(limits, { onChange }).of("bucket");
    return { breakers, changes };
  };
  const repeat = async (times: number, work: () => Promise<unknown>) => {
    const errors: unknown[] = [];
    for (let call = 0; call < times; call++) await work().catch((error) => errors.push(error));
    return errors;
  };

  it("opens when too many requests fail, and sends none while it is open", async () => {
    const { breakers, changes } = open(60_000);
    await repeat(5, () => breakers("body", fail("SlowDown", 503)));
    expect(changes).to.deep.equal([["body", true]]);
    let sent = 0;
    const [error] = await repeat(1, () => breakers("body", async () => void sent++));
    expect(sent).to.equal(0);
    expect(toS3Failure(error)).to.equal("retryable");
    expect(toDomainError(error, "part 1")).to.include({ reason: "STORAGE_UNAVAILABLE", retryAfterMs: 1000 });
  });

  it("opens for one class of requests and not for others", async () => {
    const { breakers } = open(60_000);
    await repeat(5, () => breakers("body", fail("SlowDown", 503)));
    expect(await breakers("read", async () => "read")).to.equal("read");
    expect(await breakers("control", async () => "control")).to.equal("control");
  });

  it("closes when a probe succeeds", async () => {
    const { breakers, changes } = open();
    await repeat(5, () => breakers("read", fail("InternalError", 500)));
    let answer: unknown;
    while (answer === undefined) {
      answer = await breakers("read", async () => "well").catch(() => new Promise((resolve) => setImmediate(resolve)));
    }
    expect(answer).to.equal("well");
    expect(changes).to.deep.equal([
      ["read", true],
      ["read", false],
    ]);
  });

  describe("while it probes", () => {
    const given = () => Promise.reject(Object.assign(new Error("given up"), { name: "AbortError" }));
    /** Repeats the request until it is sent instead of refused, and returns its outcome. */
    const probe = async <T>(breakers: Breakers, request: () => Promise<T>) => {
      for (let isSent = false; ; ) {
        const send = () => {
          isSent = true;
          return request();
        };
        const outcome = await breakers("body", send).catch((error: Error) => error);
        if (isSent) return outcome;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };

    it("takes the next request for a probe when one was given up, as often as that happens", async () => {
      const { breakers, changes } = open();
      await repeat(5, () => breakers("body", fail("SlowDown", 503)));
      await probe(breakers, given);
      for (let time = 0; time < 3; time++) expect(await repeat(1, () => breakers("body", given))).to.have.lengthOf(1);
      expect(changes, "given up proves nothing").to.deep.equal([["body", true]]);
      expect(await breakers("body", async () => "well")).to.equal("well");
      expect(changes.at(-1)).to.deep.equal(["body", false]);
    });

    it("closes when S3 answers, be it with a refusal", async () => {
      const { breakers, changes } = open();
      await repeat(5, () => breakers("body", fail("SlowDown", 503)));
      await probe(breakers, fail("AccessDenied", 403));
      expect(changes.at(-1)).to.deep.equal(["body", false]);
      expect(await breakers("body", async () => "well")).to.equal("well");
    });

    it("opens again when the probe fails, and probes again later", async () => {
      const { breakers, changes } = open();
      await repeat(5, () => breakers("body", fail("SlowDown", 503)));
      await probe(breakers, fail("SlowDown", 503));
      expect(changes).to.deep.equal([
        ["body", true],
        ["body", true],
      ]);
      expect(await probe(breakers, async () => "well")).to.equal("well");
      expect(changes.at(-1)).to.deep.equal(["body", false]);
    });

    it("refuses others beside a probe, but not for longer than a breaker stays open", async () => {
      const { breakers, changes } = open(500);
      await repeat(5, () => breakers("body", fail("SlowDown", 503)));
      const { promise: slow, resolve: finish } = Promise.withResolvers<string>();
      let isSent = false;
      const first = probe(breakers, () => {
        isSent = true;
        return slow;
      });
      while (!isSent) await new Promise((resolve) => setImmediate(resolve));
      const [refusal] = await repeat(1, () => breakers("body", async () => expect.fail("sent beside the probe")));
      expect(refusal).to.have.property("code", "EOPENBREAKER");
      expect(await probe(breakers, async () => "well")).to.equal("well");
      expect(changes.at(-1)).to.deep.equal(["body", false]);
      finish("late");
      expect(await first).to.equal("late");
    });

    it("is not closed by a request from before that was given up", async () => {
      const { breakers, changes } = open();
      const { promise: cut, reject: giveUp } = Promise.withResolvers<string>();
      const early = breakers("body", () => cut).catch((error: Error) => error.name);
      await repeat(5, () => breakers("body", fail("SlowDown", 503)));
      await probe(breakers, given);
      giveUp(Object.assign(new Error("given up"), { name: "AbortError" }));
      expect(await early).to.equal("AbortError");
      expect(changes).to.deep.equal([["body", true]]);
    });
  });

  it("does not count what says nothing of the health of S3", async () => {
    const { breakers, changes } = open();
    const aborted = () => Promise.reject(Object.assign(new Error("x"), { name: "AbortError" }));
    await repeat(10, () => breakers("body", aborted));
    await repeat(10, () => breakers("body", fail("AccessDenied", 403)));
    await repeat(10, () => breakers("body", fail("BadDigest", 400)));
    expect(changes).to.deep.equal([]);
  });

  it("stays closed while few fail", async () => {
    const { breakers, changes } = open();
    for (let round = 0; round < 10; round++) {
      await repeat(1, () => breakers("body", fail("SlowDown", 503)));
      await repeat(2, () => breakers("body", async () => "fine"));
    }
    expect(changes.filter(([, isOpen]) => isOpen)).to.have.lengthOf.at.most(1);
  });
});
