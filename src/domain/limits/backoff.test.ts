import { expect } from "chai";
import { settle } from "../../testing/fakes/settle.ts";
import { useManualClock } from "../../testing/fakes/use-manual-clock.ts";
import { type BackoffPolicy, toBackoffDelayMs, withBackoff } from "./backoff.ts";

const POLICY: BackoffPolicy = {
  triesMax: 4,
  baseDelayMs: 100,
  delayMaxMs: 250,
  timeMaxMs: 60_000,
  random: () => 0.5,
};
const isRetryable = (error: unknown) => (error as Error).message !== "for good";

describe("toBackoffDelayMs", () => {
  it("doubles the bound up to its greatest, and takes a random share of it", () => {
    expect([1, 2, 3, 4, 50].map((failures) => toBackoffDelayMs(POLICY, failures))).to.deep.equal([
      50, 100, 125, 125, 125,
    ]);
    expect(toBackoffDelayMs({ ...POLICY, random: () => 0 }, 3)).to.equal(0);
  });
});

describe("withBackoff", () => {
  const { clock } = useManualClock();

  /** Fails with each message in turn, then succeeds. */
  const failing = (...messages: string[]) => {
    const state = { tries: 0 };
    const attempt = async () => {
      const message = messages[state.tries++];
      if (message !== undefined) throw new Error(message);
      return "done";
    };
    return { state, attempt };
  };

  it("gives what succeeds at once", async () => {
    const { state, attempt } = failing();
    expect(await withBackoff(POLICY, attempt, { isRetryable })).to.equal("done");
    expect(state.tries).to.equal(1);
  });

  it("tries again after each wait", async () => {
    const { state, attempt } = failing("a", "b");
    const work = withBackoff(POLICY, attempt, { isRetryable, signal: new AbortController().signal });
    await settle();
    clock.tick(49);
    await settle();
    expect(state.tries).to.equal(1);
    clock.tick(1);
    await settle();
    expect(state.tries).to.equal(2);
    clock.tick(100);
    expect(await work).to.equal("done");
  });

  it("throws the last error when no try is left", async () => {
    const { state, attempt } = failing("a", "b", "c", "d", "e");
    const work = withBackoff(POLICY, attempt, { isRetryable }).catch((error) => error.message);
    for (let round = 0; round < 5; round++) {
      await settle();
      clock.tick(250);
    }
    expect(await work).to.equal("d");
    expect(state.tries).to.equal(4);
  });

  it("throws at once what fails for good", async () => {
    const { state, attempt } = failing("for good", "b");
    expect(await withBackoff(POLICY, attempt, { isRetryable }).catch((error) => error.message)).to.equal("for good");
    expect(state.tries).to.equal(1);
  });

  it("begins no try that would come too late", async () => {
    const { state, attempt } = failing("a", "b");
    const policy = { ...POLICY, timeMaxMs: 40 };
    expect(await withBackoff(policy, attempt, { isRetryable }).catch((error) => error.message)).to.equal("a");
    expect(state.tries).to.equal(1);
  });

  it("ends a wait with the reason of its signal", async () => {
    const { state, attempt } = failing("a", "b");
    const controller = new AbortController();
    const work = withBackoff(POLICY, attempt, { isRetryable, signal: controller.signal }).catch(
      (error) => error.message,
    );
    await settle();
    controller.abort(new Error("enough"));
    expect(await work).to.equal("enough");
    expect(state.tries).to.equal(1);
  });

  it("does not wait when its signal is aborted by then", async () => {
    const controller = new AbortController();
    const attempt = async () => {
      controller.abort(new Error("enough"));
      throw new Error("a");
    };
    const work = withBackoff(POLICY, attempt, { isRetryable, signal: controller.signal });
    expect(await work.catch((error) => error.message)).to.equal("enough");
  });
});
