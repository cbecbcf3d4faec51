import { expect } from "chai";
import { until } from "../testing/until.ts";
import { repeat } from "./repeat.ts";

describe("repeat", () => {
  it("runs again and again, spread around its interval, until stopped", async () => {
    for (const random of [() => 0, () => 0.999]) {
      let runs = 0;
      const startedAt = performance.now();
      const job = repeat(
        async () => {
          runs++;
        },
        { everyMs: 20, random },
      );
      await until("three runs", () => runs >= 3);
      expect(performance.now() - startedAt).to.be.greaterThan(3 * 20 * 0.8 - 5);
      await job.stop();
      const stoppedAt = runs;
      await new Promise((resolve) => setTimeout(resolve, 40));
      expect(runs).to.equal(stoppedAt);
    }
  });

  it("never runs twice at once, and waits at the stop for the run under way", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let running = 0;
    let most = 0;
    const job = repeat(
      async () => {
        most = Math.max(most, ++running);
        await promise;
        running--;
      },
      { everyMs: 1, random: () => 0.5 },
    );
    await until("a run", () => running === 1);
    let isStopped = false;
    const stopping = job.stop().then(() => {
      isStopped = true;
    });
    await new Promise((tick) => setTimeout(tick, 10));
    expect(isStopped).to.equal(false);
    resolve();
    await stopping;
    expect({ running, most }).to.deep.equal({ running: 0, most: 1 });
  });
});
