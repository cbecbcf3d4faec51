import { expect } from "chai";
import { giveBack, noteWhole, setFreeing } from "../domain/memory/buffer-accounts.ts";
import { useCollectedMetrics } from "../testing/rigs/telemetry/collected-metrics.ts";
import { type BufferProbe, checkBuffers } from "./check-buffers.ts";

describe("checkBuffers", () => {
  const metrics = useCollectedMetrics();
  afterEach(() => setFreeing(true));
  /** Whether memory is given back after the check, and what the check logged. */
  const check = async (probes?: readonly BufferProbe[]) => {
    const logged: unknown[] = [];
    const isFreeing = await checkBuffers({ warn: (fields: object) => logged.push(fields) }, probes);
    const bytes = new Uint8Array(10);
    noteWhole(bytes);
    giveBack(bytes);
    expect(bytes.buffer.detached).to.equal(isFreeing);
    expect(await metrics.read("sluice.memory.freeing")).to.deep.equal([[isFreeing ? 1 : 0, {}]]);
    return { isFreeing, logged };
  };

  it("finds that this Node hands memory out as it is known", async () => {
    expect(await check()).to.deep.equal({ isFreeing: true, logged: [] });
  });

  it("leaves memory to the collector where a probe finds otherwise, or finds out nothing, and says so", async () => {
    const probes = [
      async () => undefined,
      async () => "two reads share a buffer",
      async () => {
        throw new Error("no port");
      },
    ];
    const problems = ["two reads share a buffer", "it cannot be found out: no port"];
    expect(await check(probes)).to.deep.equal({ isFreeing: false, logged: [{ problems, node: process.version }] });
  });
});
