import { expect } from "chai";
import { SluiceError, type SluiceErrorCode } from "../sluice-error.ts";
import { Addresses } from "./addresses.ts";
import { createRetries, isRetryable, RETRY_LIMITS_DEFAULT } from "./retry-policy.ts";

const failure = (code: SluiceErrorCode, reason: string, retryAfterMs?: number) =>
  new SluiceError(code, "it failed", { reason, retryAfterMs });
const signal = new AbortController().signal;
/** A clock on which time passes by the waits alone, and the waits. */
const createClock = () => {
  const waits: number[] = [];
  const now = () => waits.reduce((sum, ms) => sum + ms, 0);
  return { waits, clock: { now, sleep: async (ms: number) => void waits.push(ms) } };
};
const caught = (promise: Promise<void>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("isRetryable", () => {
  it("tries again what is away, stalled or told to come back", () => {
    expect(isRetryable(failure("unavailable", "DATABASE_UNAVAILABLE"))).to.equal(true);
    expect(isRetryable(failure("aborted", "STALLED"))).to.equal(true);
    expect(isRetryable(failure("resource_exhausted", "OVERLOADED", 1000))).to.equal(true);
  });

  it("sends again what storage lost", () => {
    const context = { reason: "CHECKSUM_MISMATCH", details: { lost_parts: "1", durable_offset: "0" } };
    expect(isRetryable(new SluiceError("aborted", "storage has other parts", context))).to.equal(true);
  });

  it("does not repeat a commit whose bytes storage denies though it has every part", () => {
    const context = { reason: "CHECKSUM_MISMATCH", details: { lost_parts: "0", durable_offset: "300" } };
    expect(isRetryable(new SluiceError("aborted", "storage saw other bytes", context))).to.equal(false);
  });

  it("does not repeat what would fail again, nor fight a later writer", () => {
    expect(isRetryable(failure("aborted", "WRITER_FENCED"))).to.equal(false);
    expect(isRetryable(failure("invalid_argument", "PATH_INVALID"))).to.equal(false);
    expect(isRetryable(failure("resource_exhausted", "SIZE_LIMIT"))).to.equal(false);
    expect(isRetryable(failure("unavailable", "TLS_UNTRUSTED"))).to.equal(false);
    expect(isRetryable(new TypeError("a bug"))).to.equal(false);
  });
});

describe("createRetries", () => {
  it("outlasts two minutes of outage by default, and gives up within three", async () => {
    for (let seed = 1; seed <= 200; seed++) {
      let state = seed;
      const random = () => {
        state = (state * 48_271) % 2_147_483_647;
        return state / 2_147_483_647;
      };
      const { clock } = createClock();
      const retries = createRetries(RETRY_LIMITS_DEFAULT, { random, clock });
      // Each try fails at once, as if nothing listened.
      while ((await caught(retries.waitAfter(failure("unavailable", "A"), { signal }))) === undefined);
      expect(clock.now(), `seed ${seed}`).to.be.within(120_000, 180_000);
    }
  });

  const limits = { triesMax: 3, timeMaxMs: 10_000, delayBaseMs: 2, delayMaxMs: 3 };
  it("waits until the tries are used up, then throws the last error with a sentence", async () => {
    const retries = createRetries(limits, { random: () => 1 });
    const last = failure("unavailable", "LAST");
    expect(await caught(retries.waitAfter(failure("unavailable", "A"), { signal }))).to.equal(undefined);
    expect(await caught(retries.waitAfter(failure("unavailable", "B"), { signal }))).to.equal(undefined);
    const thrown = await caught(retries.waitAfter(last, { signal }));
    expect(thrown).to.include({ code: "unavailable", reason: "LAST", cause: last });
    expect(thrown).to.have.property("message", "gave up after 3 tries: it failed");
  });

  it("draws each wait from 0 to a bound that doubles up to its own bound, and begins anew after a reset", async () => {
    for (const random of [0, 0.5, 1]) {
      const { waits, clock } = createClock();
      const bounds = { triesMax: 10, timeMaxMs: 60_000, delayBaseMs: 20, delayMaxMs: 60 };
      const retries = createRetries(bounds, { random: () => random, clock });
      const fail = () => retries.waitAfter(failure("unavailable", "A"), { signal });
      for (let failures = 1; failures <= 3; failures++) await fail();
      retries.reset();
      await fail();
      expect(waits).to.deep.equal([20, 40, 60, 20].map((bound) => random * bound));
    }
  });

  it("waits as long as the service asked for, however short the draw", async () => {
    const { waits, clock } = createClock();
    const retries = createRetries(limits, { random: () => 0, clock });
    await retries.waitAfter(failure("resource_exhausted", "OVERLOADED", 60), { signal });
    expect(waits).to.deep.equal([60]);
  });

  it("moves along the route, and names where it was since something was achieved", async () => {
    const addresses = new Addresses([{ name: "http://a" }, { name: "http://b" }, { name: "http://c" }]);
    const route = addresses.route();
    const retries = createRetries({ ...limits, triesMax: 2 }, { random: () => 0, route });
    await retries.waitAfter(failure("unavailable", "A"), { signal });
    expect(route.current.name).to.equal("http://b");
    retries.reset();
    await retries.waitAfter(failure("unavailable", "B"), { signal });
    const thrown = await caught(retries.waitAfter(failure("unavailable", "C"), { signal }));
    expect(thrown).to.have.property("message", "gave up after 2 tries at http://b and http://c: it failed");
  });

  it("takes what never answered for a wrong address, and what did for an outage", async () => {
    const addresses = new Addresses([{ name: "http://a" }]);
    const triesOf = async () => {
      const retries = createRetries({ ...limits, triesMax: 9 }, { random: () => 0, route: addresses.route() });
      let tries = 1;
      while ((await caught(retries.waitAfter(failure("unavailable", "A"), { signal }))) === undefined) tries++;
      return tries;
    };
    expect(await triesOf()).to.equal(4);
    addresses.route().noteAnswer();
    expect(await triesOf()).to.equal(9);
  });

  it("counts anew after a reset", async () => {
    const retries = createRetries({ ...limits, triesMax: 2 }, { random: () => 0 });
    for (let i = 0; i < 4; i++) {
      expect(await caught(retries.waitAfter(failure("unavailable", "A"), { signal }))).to.equal(undefined);
      retries.reset();
    }
  });

  it("counts anew when others achieve something, but waits as long as before", async () => {
    const { waits, clock } = createClock();
    const bounds = { ...limits, triesMax: 2, delayBaseMs: 1, delayMaxMs: 16 };
    const retries = createRetries(bounds, { random: () => 1, clock });
    for (let i = 0; i < 5; i++) {
      expect(await caught(retries.waitAfter(failure("unavailable", "A"), { signal }))).to.equal(undefined);
      retries.extend();
    }
    expect(waits).to.deep.equal([1, 2, 4, 8, 16]);
  });

  it("does not wait beyond the time it has", async () => {
    const error = failure("unavailable", "A", 20_000);
    const thrown = await caught(createRetries(limits).waitAfter(error, { signal }));
    expect(thrown).to.include({ reason: "A", retryAfterMs: 20_000, message: "gave up after 1 try: it failed" });
  });

  it("throws the signal's reason when it is aborted before or during the wait", async () => {
    const reason = new Error("enough");
    const error = failure("unavailable", "A", 5_000);
    expect(await caught(createRetries(limits).waitAfter(error, { signal: AbortSignal.abort(reason) }))).to.equal(
      reason,
    );
    const controller = new AbortController();
    const waiting = caught(createRetries(limits).waitAfter(error, { signal: controller.signal }));
    controller.abort(reason);
    expect(await waiting).to.equal(reason);
  });
});
