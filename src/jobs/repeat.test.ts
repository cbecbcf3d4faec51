import { expect } from "chai";
import { ManualClock } from "../testing/fakes/manual-clock.ts";
import { until } from "../testing/rigs/until.ts";
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

  describe("while the job fails", () => {
    it("tells it once, and again when it is something else or over", async () => {
      const outcomes = ["gone", "gone", "gone", "other", "", "", "gone", "gone", ""];
      const heard: string[] = [];
      let runs = 0;
      const job = repeat(
        async () => {
          const outcome = outcomes[runs++] ?? "";
          if (outcome !== "") throw new Error(outcome);
        },
        {
          everyMs: 1,
          random: () => 0.5,
          onFailure: (error) => heard.push((error as Error).message),
          onRecovery: (failures) => heard.push(`well after ${failures}`),
        },
      );
      await until("all runs", () => runs > outcomes.length);
      await job.stop();
      expect(heard).to.deep.equal(["gone", "other", "well after 4", "gone", "well after 2"]);
    });

    it("runs ever more seldom, at full jitter, up to a minute", async () => {
      const clock = new ManualClock();
      clock.install();
      try {
        let runs = 0;
        const fail = async () => {
          runs++;
          throw new Error("gone");
        };
        const job = repeat(fail, { everyMs: 1000, random: () => 0.5 });
        for (const [index, waitMs] of [1000, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].entries()) {
          clock.tick(waitMs - 1);
          expect(runs, `${waitMs} ms have not passed`).to.equal(index);
          clock.tick(1);
          expect(runs, `${waitMs} ms have passed`).to.equal(index + 1);
          await new Promise((resolve) => setImmediate(resolve));
        }
        await job.stop();
        expect(clock.waiting).to.equal(0);
      } finally {
        clock.uninstall();
      }
    });
  });
});
