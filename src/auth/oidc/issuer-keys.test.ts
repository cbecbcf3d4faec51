import { expect } from "chai";
import { useManualClock } from "../../testing/fakes/use-manual-clock.ts";
import { createIssuerKey, type IssuerKey } from "../../testing/rigs/callers/oidc-issuer.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import type { FetchedKeys } from "./fetch-keys.ts";
import { IssuerKeys, KEY_TIMES } from "./issuer-keys.ts";

const MINUTE_MS = 60_000;

describe("IssuerKeys", () => {
  let first: IssuerKey;
  let second: IssuerKey;
  before(async () => {
    [first, second] = [await createIssuerKey(), await createIssuerKey()];
  });

  let now = 0;
  let published: IssuerKey[] | undefined;
  let fetches = 0;
  let states: (string | undefined)[] = [];
  let keys: IssuerKeys;
  const fetchKeys = async (): Promise<FetchedKeys> => {
    fetches++;
    if (published === undefined) throw new Error("the issuer is away");
    return { keys: published.map(({ publicJwk }) => publicJwk), unusable: 0 };
  };
  const pass = async (ms: number) => {
    // In steps, so that the clock of the keys and that of their timers agree when a timer fires.
    for (let left = ms; left > 0; left -= 5000) {
      now += Math.min(left, 5000);
      await clock.pass(Math.min(left, 5000));
    }
  };
  const find = ({ kid, algorithm }: IssuerKey) => keys.find({ kid, alg: algorithm });

  const start = (there: IssuerKey[] | undefined) => {
    [now, published, fetches, states] = [1_000_000, there, 0, []];
    keys = new IssuerKeys({ alias: "test", fetchKeys, now: () => now, onState: (problem) => states.push(problem) });
    keys.start();
  };
  // The clock looks for timers that were left after this.
  afterEach(() => keys.stop());
  const clock = useManualClock();
  beforeEach(() => start([first]));

  it("fetches the keys at the start and every 5 minutes", async () => {
    await find(first);
    expect(fetches).to.equal(1);
    await pass(20 * MINUTE_MS);
    expect(fetches).to.equal(5);
  });

  it("keeps the keys through an outage of 30 minutes, and of a day, and refuses no token that they verify", async () => {
    await find(first);
    published = undefined;
    let refused = 0;
    for (let minute = 0; minute < 30; minute++) {
      await pass(MINUTE_MS);
      await find(first).catch(() => refused++);
    }
    expect(refused).to.equal(0);
    await pass(KEY_TIMES.staleMaxMs - 31 * MINUTE_MS);
    expect(await find(first)).to.have.property("key");
    published = [first];
    await pass(MINUTE_MS);
    expect(states.at(-1)).to.equal(undefined);
  });

  it("says after more than a day that it cannot know, and when to try again, until the issuer is back", async () => {
    const { state } = await find(first);
    published = undefined;
    await pass(KEY_TIMES.staleMaxMs + MINUTE_MS);
    expect(keys.isCurrent(state)).to.equal(false);
    const error = await catchError(() => find(first));
    expect(error).to.include({
      code: "unavailable",
      reason: "ISSUER_UNAVAILABLE",
      retryAfterMs: KEY_TIMES.retryEveryMs,
    });
    published = [first];
    await pass(KEY_TIMES.retryEveryMs);
    expect(await find(first)).to.include({ state });
  });

  it("drops a key that a successful fetch no longer has, and what it verified", async () => {
    const { state } = await find(first);
    published = [second];
    await pass(5 * MINUTE_MS);
    expect(keys.isCurrent(state)).to.equal(false);
    expect(await catchError(() => find(first))).to.include({ code: "unauthenticated", reason: "TOKEN_KEY_UNKNOWN" });
    expect(await find(second)).to.have.property("key");
  });

  it("fetches for an unknown key at once, but at most once in 30 seconds, however many ask", async () => {
    await find(first);
    await pass(KEY_TIMES.retryEveryMs);
    published = [first, second];
    const found = await Promise.all(Array.from({ length: 1000 }, () => find(second)));
    expect([found.length, fetches]).to.deep.equal([1000, 2]);
    const third = await createIssuerKey();
    for (let asked = 0; asked < 1000; asked++) {
      expect(await catchError(() => find(third))).to.include({ reason: "TOKEN_KEY_UNKNOWN" });
    }
    expect(fetches).to.equal(2);
    await pass(KEY_TIMES.retryEveryMs);
    await catchError(() => find(third));
    expect(fetches).to.equal(3);
  });

  it("does not refuse a token for an unknown key while the issuer cannot be asked", async () => {
    await find(first);
    published = undefined;
    await pass(KEY_TIMES.retryEveryMs);
    expect(await catchError(() => find(second))).to.include({ code: "unavailable", reason: "ISSUER_UNAVAILABLE" });
  });

  describe("of an issuer that was never reached", () => {
    beforeEach(() => {
      keys.stop();
      start(undefined);
    });

    it("says that it cannot know, and finds the keys once the issuer is there", async () => {
      // The fetch of the start is under way and fails.
      expect(await catchError(() => find(first))).to.include({ code: "unavailable", reason: "ISSUER_UNAVAILABLE" });
      expect(states).to.deep.equal(["the issuer is away"]);
      published = [first];
      await pass(KEY_TIMES.retryEveryMs);
      expect(await find(first)).to.have.property("key");
    });

    it("asks an issuer that is away once in 30 seconds, however many calls come", async () => {
      for (let asked = 0; asked < 1000; asked++) await catchError(() => find(first));
      expect(fetches).to.equal(1);
      await pass(10 * MINUTE_MS);
      expect(fetches).to.equal(21);
    });
  });

  it("fetches no more once stopped", async () => {
    await find(first);
    keys.stop();
    await pass(60 * MINUTE_MS);
    expect(fetches).to.equal(1);
  });
});
