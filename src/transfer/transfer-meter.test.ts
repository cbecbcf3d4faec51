import { expect } from "chai";
import { useCollectedMetrics } from "../testing/rigs/telemetry/collected-metrics.ts";
import { TransferMeter } from "./transfer-meter.ts";

describe("TransferMeter", () => {
  const metrics = useCollectedMetrics();

  it("counts each byte once, and none that was durable before", async () => {
    const meter = new TransferMeter("default", { takenBytes: 0, durableBytes: 1000 });
    const read = async () => [
      await metrics.read("sluice.upload.received"),
      await metrics.read("sluice.upload.durable"),
    ];
    meter.note({ takenBytes: 0, durableBytes: 1000 });
    expect(await read()).to.deep.equal([[], []]);
    meter.note({ takenBytes: 300, durableBytes: 1000 });
    meter.note({ takenBytes: 500, durableBytes: 1200 });
    meter.note({ takenBytes: 500, durableBytes: 1500 });
    const labels = { "sluice.namespace": "default" };
    expect(await read()).to.deep.equal([[[500, labels]], [[500, labels]]]);
  });
});
