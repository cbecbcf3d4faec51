import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { DATABASE_CLASSES } from "./aws-offers.ts";
import { MEASURED_COSTS } from "./measured-costs.ts";
import { showLadder } from "./show-sizing.ts";
import { type Demand, sizeDeployment } from "./size-deployment.ts";

const MIB = 2 ** 20;
const size = (demand: Partial<Demand>, costs = MEASURED_COSTS) =>
  sizeDeployment({ uploadsPerHour: 10_000, meanBytes: 4 * MIB, readsPerUpload: 10, keptDays: 365, ...demand }, costs);

describe("sizeDeployment", () => {
  it("plans two replicas and the smallest database for next to nothing", () => {
    expect(size({ uploadsPerHour: 1 })).to.deep.include({ replicas: 2, databases: 1, database: DATABASE_CLASSES[0] });
  });

  it("plans a spare replica beside those that 60 % of their processors suffice for", () => {
    // 2 × 360,000 / 3600 = 200 uploads a second of 1 MiB: 0.2 GiB at 6 s and 0.68 s for the calls are 1.9 processors of 1.2 a replica.
    const costs = { ...MEASURED_COSTS, serviceCpuSecondsPerGib: 6 };
    expect(size({ uploadsPerHour: 360_000, meanBytes: MIB, readsPerUpload: 0 }, costs).replicas).to.equal(3);
  });

  it("counts a request for a file of one part, and two more than its parts for others", () => {
    const { uploadsPerSecond: rate } = size({});
    for (const [meanBytes, requests] of [
      [1, 1],
      [8 * MIB, 1],
      [8 * MIB + 1, 4],
      [80 * MIB, 12],
    ] as const)
      expect(size({ meanBytes }).writesPerSecond / rate, `${meanBytes} bytes`).to.be.closeTo(requests, 1e-9);
  });

  it("plans a larger database, then several, as files become more", () => {
    const sizes = [1, 10, 100, 1000].map((years) => size({ uploadsPerHour: 100_000, keptDays: 365 * years }));
    expect(sizes.map(({ databases }) => databases)).to.deep.equal([1, 2, 20, 195]);
    expect(sizes[0]?.database.name).to.equal("db.m7g.4xlarge");
    expect(sizes[1]?.uses[0]).to.include({ name: "memory of the primary" });
  });

  it("names the fullest limit first", () => {
    const { uses } = size({ uploadsPerHour: 10_000_000, keptDays: 1, readsPerUpload: 0 });
    expect(uses.map(({ share }) => share)).to.deep.equal(uses.map(({ share }) => share).toSorted((a, b) => b - a));
    expect(uses[0]?.name).to.equal("writes at one prefix of S3");
  });

  it("charges storage by its steps", () => {
    // 100 TiB: 50 at 0.0245 and 50 at 0.0235 USD a GiB.
    const meanBytes = (100 * 2 ** 40) / (10_000 * 10 * 365);
    expect(size({ meanBytes }).usdPerMonth.storage).to.be.closeTo(50 * 1024 * (0.0245 + 0.0235), 1);
  });
});

describe("docs/sizing.md", () => {
  it("has the ladder as the program prints it", async () => {
    const page = await readFile(new URL("../../docs/sizing.md", import.meta.url), "utf8");
    expect(page).to.include(showLadder(MEASURED_COSTS));
  });
});
