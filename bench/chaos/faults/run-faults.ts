import { setTimeout as delay } from "node:timers/promises";
import { createRandom } from "../../stage/seeded-random.ts";
import type { ChaosRig } from "../chaos-rig.ts";
import { AwayTimes } from "./away-times.ts";
import type { Fault } from "./fault-plan.ts";
import type { FaultProxy, SlowLine } from "./fault-proxy.ts";

/** How slow a line is that is said to be slow: a region away, on a bad day. */
const SLOW: SlowLine = { latencyMs: 40, bytesPerSecond: 20 * 2 ** 20 };

/** Executes the faults at their times, and resolves when all are over and everything is up again, to the times in which something was away. */
export async function runFaults(
  rig: ChaosRig,
  faults: readonly Fault[],
  report: (what: string) => void,
): Promise<AwayTimes> {
  const striker = new Striker(rig);
  const struck: Promise<void>[] = [];
  for (const fault of faults) {
    await delay(Math.max(0, fault.atMs - striker.elapsedMs));
    const name = `${fault.kind} (${(fault.atMs / 1000).toFixed(1)} s)`;
    report(name);
    struck.push(striker.strike(fault).then(() => report(`${name} is over`)));
  }
  const done = await Promise.allSettled(struck);
  for (const one of done) if (one.status === "rejected") throw one.reason;
  return striker.away;
}

/** Strikes parts of the setup. Faults of one part that come at once wait for one another. */
class Striker {
  readonly away = new AwayTimes();
  readonly #rig: ChaosRig;
  readonly #begunAt = performance.now();
  readonly #turns = new Map<string, Promise<void>>();

  constructor(rig: ChaosRig) {
    this.#rig = rig;
  }

  get elapsedMs(): number {
    return performance.now() - this.#begunAt;
  }

  async strike(fault: Fault): Promise<void> {
    const { replicas, database, databaseLines, storageLines } = this.#rig;
    const hold = () => delay(fault.durationMs);
    switch (fault.kind) {
      case "replica killed":
        return await this.#strikeReplica(fault.replica, async (replica) => {
          await replica.kill();
          await hold();
          await replica.start();
        });
      case "replica paused":
        return await this.#strikeReplica(fault.replica, async (replica) => {
          replica.pause();
          await hold().finally(() => replica.resume());
        });
      case "rolling restart":
        for (const index of replicas.keys())
          await this.#strikeReplica(index, async (replica) => {
            await replica.stop();
            await replica.start();
          });
        return;
      case "callers cut":
        return replicas[fault.replica]?.proxy.cut();
      case "database killed":
      case "database restarted":
        return await this.#inTurn("database", () =>
          this.#whileAway(1, async () => {
            await database.stopPrimary({ isCrash: fault.kind === "database killed" });
            if (fault.kind === "database killed") await hold();
            await database.startPrimary();
          }),
        );
      case "read replica behind":
        return await this.#inTurn("read replica", async () => {
          await database.pauseReplay();
          await hold().finally(() => database.resumeReplay());
        });
      case "storage away":
        return await this.#whileAway(1, () => this.#whileEach(storageLines, (line) => line.takeAway(), hold));
      case "storage brown-out":
        return await this.#inTurn("brown-out", () =>
          this.#whileAway(fault.share, async () => {
            const random = createRandom(fault.atMs);
            this.#rig.storage.refuses = () => random() < fault.share;
            await hold();
            this.#rig.storage.refuses = undefined;
          }),
        );
      case "database slow":
      case "storage slow": {
        const lines = fault.kind === "storage slow" ? storageLines : databaseLines;
        return await this.#whileEach(lines, (line) => line.slowDown(SLOW), hold);
      }
      case "database cut":
      case "storage cut":
        for (const line of fault.kind === "storage cut" ? storageLines : databaseLines) line.cut();
    }
  }

  /** A replica is away until it is ready again; the callers that go there are one share of all. */
  async #strikeReplica(index: number, work: (replica: ChaosRig["replicas"][number]) => Promise<void>): Promise<void> {
    const { replicas } = this.#rig;
    const replica = replicas[index] as ChaosRig["replicas"][number];
    await this.#inTurn(`replica ${index}`, () => this.#whileAway(1 / replicas.length, () => work(replica)));
  }

  async #whileAway(share: number, work: () => Promise<void>): Promise<void> {
    const fromMs = this.elapsedMs;
    await work().finally(() => this.away.add(fromMs, this.elapsedMs, share));
  }

  async #whileEach(
    lines: readonly FaultProxy[],
    begin: (line: FaultProxy) => () => void,
    hold: () => Promise<void>,
  ): Promise<void> {
    const ends = lines.map(begin);
    await hold();
    for (const end of ends) end();
  }

  async #inTurn(part: string, work: () => Promise<void>): Promise<void> {
    const mine = (this.#turns.get(part) ?? Promise.resolve()).then(work);
    this.#turns.set(
      part,
      mine.catch(() => {}),
    );
    await mine;
  }
}
