import { crc32 } from "node:zlib";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { RetryBudget } from "../../domain/limits/retry-budget.ts";
import type { BodyAck } from "../../domain/object-store.ts";
import { type AnsweredAttempt, answeredAttempts } from "../../testing/fakes/answered-attempt.ts";
import { settle } from "../../testing/fakes/settle.ts";
import { useManualClock } from "../../testing/fakes/use-manual-clock.ts";
import { S3ResponseError } from "../requests/body-requests.ts";
import { ReplayableBody, type ReplayableBodyPolicy } from "./replayable-body.ts";

const POLICY: ReplayableBodyPolicy = {
  layout: { form: "trailer", chunkBytes: 0, corkBytes: 0 },
  retry: { triesMax: 3, baseDelayMs: 100, delayMaxMs: 1000, timeMaxMs: 60_000, random: () => 0 },
  retries: new RetryBudget({ share: 1, reserveMax: 100 }),
  idleTimeoutMs: 1000,
  answerTimeoutMs: 2000,
};
const ACK: BodyAck = { key: "k", etag: "e", versionId: "" };
const HELLO = Buffer.from("hello");

/** A body whose attempts wait for answers. */
function begin(lengthBytes: number, policy: Partial<ReplayableBodyPolicy> = {}, isSlow = false) {
  const { attempts, send } = answeredAttempts({ isSlow });
  const body = new ReplayableBody(lengthBytes, { what: "part 1", send, policy: { ...POLICY, ...policy } });
  const attempt = (number: number) => attempts[number - 1] as AnsweredAttempt;
  const outcome = body.done.then(
    () => "acknowledged",
    (error) => error,
  );
  return { body, attempts, attempt, outcome };
}

describe("ReplayableBody", () => {
  const { pass } = useManualClock();
  const slowDown = () => new S3ResponseError("SlowDown", 503);
  const failure = (error: unknown) => ({ reason: (error as DomainError).reason, code: (error as DomainError).code });

  it("sends bytes on while they arrive", async () => {
    const { body, attempt, outcome } = begin(5);
    await settle();
    body.write(HELLO.subarray(0, 2));
    expect(attempt(1).sent).to.equal("5\r\nhe");
    body.write(HELLO.subarray(2));
    body.end(crc32(HELLO));
    await settle();
    attempt(1).answer.resolve(ACK);
    expect(await outcome).to.equal("acknowledged");
    expect(Buffer.concat(body.kept.pieces)).to.deep.equal(HELLO);
  });

  it("has nothing to give back when storage answers while the socket still holds the bytes", async () => {
    const { body, attempt, outcome } = begin(5, {}, true);
    await settle();
    body.write(HELLO);
    body.end(crc32(HELLO));
    await settle();
    attempt(1).answer.resolve(ACK);
    expect(await outcome).to.equal("acknowledged");
    expect(body.kept.lengthBytes).to.equal(0);
  });

  it("begins when there is as much as is written at once, or all", async () => {
    const layout = { ...POLICY.layout, corkBytes: 4 };
    const slow = begin(5, { layout });
    slow.body.write(HELLO.subarray(0, 3));
    await pass(60_000);
    expect(slow.attempts, "nothing would be written: no connection stands idle").to.have.length(0);
    slow.body.write(HELLO.subarray(3, 4));
    await settle();
    expect(slow.attempt(1).sent).to.equal("5\r\nhell");
    slow.body.write(HELLO.subarray(4));
    slow.body.end(crc32(HELLO));
    slow.attempt(1).answer.resolve(ACK);
    expect(await slow.outcome).to.equal("acknowledged");
    const small = begin(3, { layout });
    small.body.write(HELLO.subarray(0, 3));
    small.body.end(crc32(HELLO.subarray(0, 3)));
    await settle();
    small.attempt(1).answer.resolve(ACK);
    expect(await small.outcome).to.equal("acknowledged");
    const given = begin(5, { layout });
    given.body.write(HELLO.subarray(0, 3));
    given.body.abort(new Error("given up"));
    expect((await given.outcome).message).to.equal("given up");
    expect(given.attempts).to.have.length(0);
  });

  it("begins again with the bytes so far, and goes on with those that arrive", async () => {
    const { body, attempt, outcome } = begin(5);
    await settle();
    body.write(HELLO.subarray(0, 2));
    attempt(1).answer.reject(slowDown());
    await settle();
    body.write(HELLO.subarray(2, 3));
    await pass(0);
    expect(attempt(2).sent).to.equal("5\r\nhel");
    body.write(HELLO.subarray(3));
    body.end(crc32(HELLO));
    attempt(2).answer.resolve(ACK);
    expect(await outcome).to.equal("acknowledged");
    expect(body.kept.pieces).to.deep.equal([]);
  });

  it("does not try again once the retries of all requests are used up", async () => {
    const { body, attempts, attempt, outcome } = begin(5, { retries: new RetryBudget({ share: 0.1, reserveMax: 0 }) });
    body.write(HELLO);
    body.end(crc32(HELLO));
    await settle();
    attempt(1).answer.reject(slowDown());
    expect(await outcome).to.include({ reason: "STORAGE_UNAVAILABLE" });
    expect(attempts).to.have.lengthOf(1);
  });

  it("waits between tries, with growing jitter", async () => {
    const { body, attempts, attempt, outcome } = begin(5, { retry: { ...POLICY.retry, random: () => 0.5 } });
    body.write(HELLO);
    body.end(crc32(HELLO));
    await settle();
    for (const [number, delayMs] of [
      [1, 50],
      [2, 100],
    ] as const) {
      attempt(number).answer.reject(slowDown());
      await settle();
      await pass(delayMs - 1);
      expect(attempts).to.have.lengthOf(number);
      await pass(1);
      expect(attempts).to.have.lengthOf(number + 1);
    }
    attempt(3).answer.resolve(ACK);
    expect(await outcome).to.equal("acknowledged");
  });

  it("tries only so often", async () => {
    const { body, attempts, attempt, outcome } = begin(5);
    body.write(HELLO);
    body.end(crc32(HELLO));
    for (const number of [1, 2, 3]) {
      await pass(0);
      attempt(number).answer.reject(slowDown());
    }
    const error = await outcome;
    expect(error).to.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE", retryAfterMs: 1000 });
    expect((error as DomainError).message).to.contain("part 1");
    expect(attempts).to.have.lengthOf(3);
  });

  it("tries only so long, counted from the first failure of the whole body", async () => {
    const retry = { ...POLICY.retry, triesMax: 4, timeMaxMs: 10, baseDelayMs: 100, random: () => 0.9 };
    const { body, attempts, attempt, outcome } = begin(5, { retry });
    await settle();
    attempt(1).answer.reject(slowDown());
    await settle();
    await pass(90);
    expect(attempts).to.have.lengthOf(2);
    body.write(HELLO);
    body.end(crc32(HELLO));
    attempt(2).answer.reject(slowDown());
    expect(failure(await outcome).reason).to.equal("STORAGE_UNAVAILABLE");
    expect(attempts).to.have.lengthOf(2);
  });

  it("does not try again what is refused", async () => {
    for (const [name, reason] of [
      ["AccessDenied", "STORAGE_UNAVAILABLE"],
      ["NoSuchUpload", "UPLOAD_LOST"],
    ] as const) {
      const { attempts, attempt, outcome } = begin(5);
      await settle();
      attempt(1).answer.reject(new S3ResponseError(name, 403));
      expect(failure(await outcome).reason).to.equal(reason);
      expect(attempts).to.have.lengthOf(1);
    }
  });

  it("ends with a defect of ours as it is, and does not try it again", async () => {
    const { attempts, attempt, outcome } = begin(5);
    await settle();
    const defect = new TypeError("a bug");
    attempt(1).answer.reject(defect);
    expect(await outcome).to.equal(defect);
    expect(attempts).to.have.lengthOf(1);
  });

  it("sends clean bytes again after BadDigest, only so often", async () => {
    const { body, attempts, attempt, outcome } = begin(5);
    body.write(HELLO);
    body.end(crc32(HELLO));
    for (const number of [1, 2, 3]) {
      await pass(0);
      attempt(number).answer.reject(new S3ResponseError("BadDigest", 400));
    }
    expect(failure(await outcome)).to.deep.equal({ code: "aborted", reason: "CHECKSUM_MISMATCH" });
    expect(attempts).to.have.lengthOf(3);
  });

  it("does not send wrong bytes again after BadDigest", async () => {
    const { body, attempts, attempt, outcome } = begin(5);
    await settle();
    body.write(HELLO);
    body.end(crc32("jello"));
    attempt(1).answer.reject(new S3ResponseError("BadDigest", 400));
    expect(failure(await outcome)).to.deep.equal({ code: "aborted", reason: "CHECKSUM_MISMATCH" });
    expect(attempts).to.have.lengthOf(1);
    expect(Buffer.concat(body.kept.pieces)).to.deep.equal(HELLO);
  });

  describe("when the caller sends nothing", () => {
    it("drops the request, uncounted, and sends the body when it is whole", async () => {
      const { body, attempts, attempt, outcome } = begin(5);
      await settle();
      body.write(HELLO.subarray(0, 2));
      await pass(999);
      expect(attempt(1).signal.aborted).to.equal(false);
      await pass(1);
      expect(attempt(1).signal.aborted).to.equal(true);
      body.write(HELLO.subarray(2));
      await pass(60_000);
      expect(attempts).to.have.lengthOf(1);
      body.end(crc32(HELLO));
      for (const number of [2, 3]) {
        await pass(0);
        expect(attempt(number).sent).to.match(/^5\r\nhello\r\n0\r\n/);
        attempt(number).answer.reject(slowDown());
      }
      await pass(0);
      await settle();
      attempt(4).answer.resolve(ACK);
      expect(await outcome).to.equal("acknowledged");
    });

    it("keeps the request of a caller that is merely slow", async () => {
      const { body, attempts, attempt, outcome } = begin(5);
      await settle();
      for (const byte of HELLO) {
        await pass(900);
        body.write(Buffer.of(byte));
      }
      body.end(crc32(HELLO));
      attempt(1).answer.resolve(ACK);
      expect(await outcome).to.equal("acknowledged");
      expect(attempts).to.have.lengthOf(1);
    });

    it("gives up at once when told so", async () => {
      const { body, attempts, outcome } = begin(5);
      await settle();
      await pass(1000);
      const reason = new Error("stalled");
      body.abort(reason);
      expect(await outcome).to.equal(reason);
      expect(attempts).to.have.lengthOf(1);
    });
  });

  describe("when the body ends short", () => {
    it("sends it again with its true length, uncounted", async () => {
      const { body, attempt, outcome } = begin(100, { retry: { ...POLICY.retry, triesMax: 1 } });
      await settle();
      body.write(HELLO);
      body.end(crc32(HELLO));
      expect(attempt(1).signal.aborted).to.equal(true);
      await settle();
      expect(attempt(2).body.decodedLengthBytes).to.equal(5);
      expect(attempt(2).sent).to.match(/^5\r\nhello\r\n0\r\n/);
      attempt(2).answer.resolve(ACK);
      expect(await outcome).to.equal("acknowledged");
      expect(body.kept.pieces).to.deep.equal([]);
    });

    it("does so after a failure too", async () => {
      const { body, attempt, outcome } = begin(100);
      await settle();
      body.write(HELLO);
      attempt(1).answer.reject(slowDown());
      await settle();
      body.end(crc32(HELLO));
      await settle();
      expect(attempt(2).sent).to.match(/^5\r\nhello\r\n0\r\n/);
      attempt(2).answer.resolve(ACK);
      expect(await outcome).to.equal("acknowledged");
    });
  });

  describe("when S3 does not answer", () => {
    it("tries again, counted", async () => {
      const { body, attempts, outcome } = begin(5);
      body.write(HELLO);
      body.end(crc32(HELLO));
      for (const number of [1, 2, 3]) {
        await pass(0);
        expect(attempts).to.have.lengthOf(number);
        await pass(1999);
        expect(attempts).to.have.lengthOf(number);
        await pass(1);
      }
      expect(failure(await outcome)).to.deep.equal({ code: "unavailable", reason: "STORAGE_UNAVAILABLE" });
      expect(attempts).to.have.lengthOf(3);
    });

    it("waits from when the last byte has left", async () => {
      const { body, attempt, attempts, outcome } = begin(5, {}, true);
      await settle();
      body.write(HELLO);
      await settle();
      body.end(crc32(HELLO));
      await pass(1500);
      await attempt(1).leave();
      await pass(1500);
      await attempt(1).leave();
      await pass(1500);
      expect(attempt(1).signal.aborted).to.equal(false);
      attempt(1).answer.resolve(ACK);
      expect(await outcome).to.equal("acknowledged");
      expect(attempts).to.have.lengthOf(1);
    });
  });

  describe("when it is aborted", () => {
    const reason = new Error("the caller hung up");

    it("settles only once the request has", async () => {
      const { body, attempt } = begin(5);
      await settle();
      let isSettled = false;
      body.done.catch(() => {
        isSettled = true;
      });
      const late = Promise.withResolvers<BodyAck>();
      attempt(1).answer.resolve(late.promise);
      body.abort(reason);
      await settle();
      expect(isSettled).to.equal(false);
      late.reject(new Error("socket closed"));
      expect(await body.done.catch((error) => error)).to.equal(reason);
    });

    it("ends the wait for the next try", async () => {
      const { body, attempts, attempt, outcome } = begin(5, { retry: { ...POLICY.retry, random: () => 0.9 } });
      await settle();
      attempt(1).answer.reject(slowDown());
      await settle();
      body.abort(reason);
      expect(await outcome).to.equal(reason);
      expect(attempts).to.have.lengthOf(1);
    });

    it("never sends what was aborted before it began", async () => {
      const { body, attempts, outcome } = begin(5);
      body.abort(reason);
      body.abort(new Error("again"));
      expect(await outcome).to.equal(reason);
      expect(attempts).to.have.lengthOf(0);
    });

    it("leaves what is acknowledged", async () => {
      const { body, attempt, outcome } = begin(0);
      await settle();
      body.end(0);
      attempt(1).answer.resolve(ACK);
      expect(await outcome).to.equal("acknowledged");
      body.abort(reason);
      expect(await body.done).to.equal(ACK);
    });
  });

  describe("with the checksum in a header", () => {
    const header = { ...POLICY.layout, form: "header" as const };

    it("begins once the body is whole", async () => {
      const { body, attempts, attempt, outcome } = begin(5, { layout: header });
      await settle();
      body.write(HELLO);
      await pass(60_000);
      expect(attempts).to.have.lengthOf(0);
      body.end(crc32(HELLO));
      await settle();
      expect(attempt(1).sent).to.equal("hello");
      attempt(1).answer.resolve(ACK);
      expect(await outcome).to.equal("acknowledged");
    });

    it("does not begin when it is aborted before", async () => {
      const { body, attempts, outcome } = begin(5, { layout: header });
      await settle();
      const reason = new Error("enough");
      body.abort(reason);
      expect(await outcome).to.equal(reason);
      expect(attempts).to.have.lengthOf(0);
    });
  });

  it("passes on the error with which an attempt may not begin", async () => {
    const { attempt, outcome } = begin(5);
    await settle();
    const fenced = new DomainError("aborted", "a newer writer has begun", { reason: "WRITER_FENCED" });
    attempt(1).answer.reject(fenced);
    expect(await outcome).to.equal(fenced);
  });

  it("counts the time that it waits for a slot as nobody's silence", async () => {
    const { attempts, send } = answeredAttempts({ isSlow: false });
    const slot = Promise.withResolvers<() => void>();
    let isFree = false;
    const leave = () => {
      isFree = true;
    };
    const body = new ReplayableBody(5, { what: "part 1", send, enter: () => slot.promise, policy: POLICY });
    await settle();
    body.write(HELLO);
    body.end(crc32(HELLO));
    await pass(600_000);
    expect(attempts, "nothing is sent, and nothing fails").to.have.length(0);
    slot.resolve(leave);
    await settle();
    expect(attempts[0]?.sent).to.contain("hello");
    expect(isFree).to.equal(false);
    attempts[0]?.answer.resolve(ACK);
    expect(await body.done).to.equal(ACK);
    expect(isFree, "the slot is another's").to.equal(true);
  });

  it("leaves the line when it is given up while it waits for a slot", async () => {
    const { attempts, send } = answeredAttempts({ isSlow: false });
    const enter = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const body = new ReplayableBody(5, { what: "part 1", send, enter, policy: POLICY });
    await settle();
    body.write(HELLO);
    await settle();
    const reason = new Error("the caller is gone");
    body.abort(reason);
    expect(await body.done.catch((error) => error)).to.equal(reason);
    expect(attempts).to.have.length(0);
  });
});
