import { expect } from "chai";
import { useManualClock } from "../testing/fakes/use-manual-clock.ts";
import { repeat } from "./repeat.ts";

describe("repeat", () => {
  const { pass } = useManualClock();

  it("runs again and again, spread around its interval, until stopped", async () => {
    for (const [random, everyMs] of [
      [0, 80],
      [0.5, 100],
      [1, 120],
    ] as const) {
      let runs = 0;
      const count = async () => void runs++;
      const job = repeat(count, { everyMs: 100, random: () => random });
      for (let expected = 0; expected < 3; expected++) {
        await pass(everyMs - 1);
        expect(runs).to.equal(expected);
        await pass(1);
        expect(runs).to.equal(expected + 1);
      }
      await job.stop();
      await pass(1000);
      expect(runs).to.equal(3);
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
    await pass(1);
    let isStopped = false;
    const stopping = job.stop().then(() => {
      isStopped = true;
    });
    await pass(10);
    expect({ isStopped, running }).to.deep.equal({ isStopped: false, running: 1 });
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
      while (runs <= outcomes.length) await pass(100);
      await job.stop();
      expect(heard).to.deep.equal(["gone", "other", "well after 4", "gone", "well after 2"]);
    });

    it("runs ever more seldom, at full jitter, up to a minute", async () => {
      let runs = 0;
      const fail = async () => {
        runs++;
        throw new Error("gone");
      };
      const job = repeat(fail, { everyMs: 1000, random: () => 0.5 });
      for (const [index, waitMs] of [1000, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].entries()) {
        await pass(waitMs - 1);
        expect(runs, `${waitMs} ms have not passed`).to.equal(index);
        await pass(1);
        expect(runs, `${waitMs} ms have passed`).to.equal(index + 1);
      }
      await job.stop();
    });
  });
});
