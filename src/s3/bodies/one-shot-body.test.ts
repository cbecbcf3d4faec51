import { crc32 } from "node:zlib";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { noteWhole } from "../../domain/memory/buffer-accounts.ts";
import type { BodyAck } from "../../domain/object-store.ts";
import { type AnsweredAttempt, answeredAttempts } from "../../testing/fakes/answered-attempt.ts";
import { settle } from "../../testing/fakes/settle.ts";
import { useManualClock } from "../../testing/fakes/use-manual-clock.ts";
import { S3ResponseError } from "../requests/body-requests.ts";
import type { AttemptPolicy } from "./body-attempt.ts";
import { OneShotBody } from "./one-shot-body.ts";

const POLICY: AttemptPolicy = {
  layout: { form: "trailer", chunkBytes: 0, corkBytes: 0 },
  idleTimeoutMs: 1000,
  answerTimeoutMs: 2500,
};
const ACK: BodyAck = { key: "k", etag: "e", versionId: "" };

/** A body whose only attempt waits for its answer. */
function begin(lengthBytes: number, options: { corkBytes?: number; isSlow?: boolean; form?: "header" } = {}) {
  const { corkBytes = 0, isSlow = false, form = "trailer" } = options;
  const { attempts, send } = answeredAttempts({ isSlow });
  const left: number[] = [];
  const body = new OneShotBody(lengthBytes, {
    what: "part 1",
    send,
    policy: { ...POLICY, layout: { ...POLICY.layout, corkBytes, form } },
    onLeft: (leftBytes) => left.push(leftBytes),
  });
  const outcome = body.done.then(
    () => "acknowledged",
    (error) => error as DomainError,
  );
  return { body, attempts, attempt: attempts[0] as AnsweredAttempt, outcome, left };
}

/** Bytes in an ArrayBuffer of their own. */
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text));
/** The same, noted with its owner. */
const ownBytes = (text: string) => {
  const bytes = bytesOf(text);
  noteWhole(bytes);
  return bytes;
};
const isGivenBack = ({ buffer }: Uint8Array) => (buffer as ArrayBuffer).detached;

describe("OneShotBody", () => {
  const { pass } = useManualClock();

  it("sends bytes on while they arrive, and keeps none", async () => {
    const { body, attempt, outcome, left } = begin(5);
    body.write(bytesOf("he"));
    await settle();
    expect(attempt.sent).to.equal("5\r\nhe");
    expect(left).to.deep.equal([2]);
    body.write(bytesOf("llo"));
    body.end(crc32("hello"));
    body.end(0);
    await settle();
    expect(attempt.sent).to.equal("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n");
    attempt.answer.resolve(ACK);
    expect(await outcome).to.equal("acknowledged");
  });

  it("says what has left, and gives it back, only once it has", async () => {
    const { body, attempt, outcome, left } = begin(6, { isSlow: true });
    const pieces = [ownBytes("ab"), ownBytes("cd")] as const;
    body.write(pieces[0]);
    await settle();
    body.write(pieces[1]);
    expect([left, pieces.map(isGivenBack)]).to.deep.equal([[], [false, false]]);
    await attempt.leave();
    expect([left, pieces.map(isGivenBack)]).to.deep.equal([[2], [true, false]]);
    await attempt.leave();
    expect([left, pieces.map(isGivenBack)]).to.deep.equal([
      [2, 4],
      [true, true],
    ]);
    body.abort(new Error("enough"));
    await outcome;
  });

  it("gives a buffer back in pieces, of which the last one frees it", async () => {
    const { body, attempt, outcome } = begin(6);
    const buffer = ownBytes("abcdef");
    body.write(buffer.subarray(0, 2));
    await settle();
    expect(isGivenBack(buffer), "the rest of the buffer is still to come").to.equal(false);
    body.write(buffer.subarray(2));
    await settle();
    expect(isGivenBack(buffer)).to.equal(true);
    body.end(crc32("abcdef"));
    attempt.answer.resolve(ACK);
    expect(await outcome).to.equal("acknowledged");
    expect(body.kept.lengthBytes).to.equal(0);
  });

  it("gives nothing back of what failed on its way", async () => {
    const { body, attempt, outcome, left } = begin(6, { isSlow: true });
    const piece = ownBytes("abc");
    body.write(piece);
    await settle();
    await attempt.leave(new Error("EPIPE"));
    attempt.answer.reject(Object.assign(new Error("cut"), { code: "EPIPE" }));
    expect(await outcome).to.have.property("reason", "STORAGE_UNAVAILABLE");
    expect([left, isGivenBack(piece)]).to.deep.equal([[], false]);
    body.write(bytesOf("def"));
    body.end(crc32("abcdef"));
    body.flush();
    expect(attempt.sent).to.equal("6\r\nabc");
  });

  it("sends on what is gathered when it is told to", async () => {
    const { body, attempt, outcome } = begin(10, { corkBytes: 8 });
    body.write(bytesOf("abc"));
    await settle();
    expect(attempt.sent).to.equal("");
    body.flush();
    await settle();
    expect(attempt.sent).to.equal("a\r\nabc");
    body.abort(new Error("enough"));
    await outcome;
  });

  it("needs no setting to have its checksum behind its bytes", async () => {
    const { body, attempt, outcome } = begin(2, { form: "header" });
    expect(attempt.body.toHeaders()).to.include({ "x-amz-trailer": "x-amz-checksum-crc32" });
    body.abort(new Error("enough"));
    await outcome;
  });

  describe("that fails", () => {
    const slowDown = () => new S3ResponseError("SlowDown", 503);

    it("is not sent again, and says what the caller may do", async () => {
      for (const [error, code, reason] of [
        [slowDown(), "unavailable", "STORAGE_UNAVAILABLE"],
        [new S3ResponseError("BadDigest", 400), "unavailable", "STORAGE_UNAVAILABLE"],
        [Object.assign(new Error("cut"), { code: "ECONNRESET" }), "unavailable", "STORAGE_UNAVAILABLE"],
        [new S3ResponseError("NoSuchUpload", 404), "aborted", "UPLOAD_LOST"],
      ] as const) {
        const { body, attempts, attempt, outcome } = begin(5);
        body.write(bytesOf("hello"));
        body.end(crc32("hello"));
        attempt.answer.reject(error);
        const failure = (await outcome) as DomainError;
        expect(failure).to.be.instanceOf(DomainError).and.include({ code, reason });
        expect(failure.message).to.include("part 1");
        if (code === "unavailable") expect(failure.retryAfterMs).to.equal(1000);
        await pass(60_000);
        expect(attempts).to.have.lengthOf(1);
      }
    });

    it("settles with the reason of an abort, once the request has", async () => {
      const { body, attempt, outcome } = begin(5);
      let isSettled = false;
      void outcome.then(() => {
        isSettled = true;
      });
      const late = Promise.withResolvers<BodyAck>();
      attempt.answer.resolve(late.promise);
      const reason = new Error("the caller hung up");
      body.abort(reason);
      body.abort(new Error("again"));
      await settle();
      expect(isSettled).to.equal(false);
      late.reject(new Error("socket closed"));
      expect(await outcome).to.equal(reason);
    });

    it("takes other lengths than the announced one for the bugs they are", async () => {
      const { body, outcome } = begin(5);
      expect(() => body.write(bytesOf("hello!"))).to.throw("past the announced 5");
      body.write(bytesOf("hell"));
      expect(() => body.end(0)).to.throw("part 1 ends after 4 of the announced 5 bytes");
      body.abort(new Error("enough"));
      await outcome;
    });
  });

  describe("whose caller sends nothing", () => {
    it("is given up before S3 would close it, for the caller to send again", async () => {
      const { body, attempt, outcome } = begin(5);
      body.write(bytesOf("he"));
      await pass(999);
      expect(attempt.signal.aborted).to.equal(false);
      await pass(1);
      expect(attempt.signal.aborted).to.equal(true);
      const error = (await outcome) as DomainError;
      expect(error).to.include({ code: "aborted", reason: "STALLED" });
      expect(error.details).to.deep.equal({ idle_timeout_ms: 1000 });
      expect(error.message).to.include("nothing of it came for 1000 ms");
    });

    it("goes on while a little comes, which then is not gathered any longer", async () => {
      const { body, attempt, outcome } = begin(5, { corkBytes: 100 });
      for (const [index, letter] of [..."hello"].entries()) {
        body.write(bytesOf(letter));
        await pass(1000);
        expect(attempt.sent).to.equal(`5\r\n${"hello".slice(0, index + 1)}`);
      }
      body.end(crc32("hello"));
      await settle();
      attempt.answer.resolve(ACK);
      expect(await outcome).to.equal("acknowledged");
    });
  });

  describe("while S3 takes nothing", () => {
    it("waits longer than for a caller, and is given up as S3's failure", async () => {
      const { body, attempt, outcome } = begin(5, { isSlow: true });
      body.write(bytesOf("he"));
      await pass(1000);
      await pass(1000);
      expect(attempt.signal.aborted).to.equal(false);
      await pass(1000);
      expect(attempt.signal.reason).to.have.property("name", "TimeoutError");
      expect(await outcome).to.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE" });
    });

    it("waits anew when something leaves", async () => {
      const { body, attempt, outcome } = begin(5, { isSlow: true });
      body.write(bytesOf("he"));
      await settle();
      body.write(bytesOf("l"));
      await pass(1000);
      await pass(1000);
      await attempt.leave();
      await pass(1000);
      await pass(1000);
      expect(attempt.signal.aborted).to.equal(false);
      await pass(1000);
      expect(await outcome).to.have.property("reason", "STORAGE_UNAVAILABLE");
    });

    it("waits for its answer only so long", async () => {
      const { body, outcome } = begin(2);
      body.write(bytesOf("he"));
      body.end(crc32("he"));
      await pass(2499);
      await pass(1);
      expect(await outcome).to.have.property("reason", "STORAGE_UNAVAILABLE");
    });
  });
});
