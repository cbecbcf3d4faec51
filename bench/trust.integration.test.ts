import { expect } from "chai";
import { setStage } from "./stage.ts";
import { measureConnections } from "./trust/measure-connections.ts";
import { CHUNK_BYTES, measureTrust } from "./trust/measure-trust.ts";
import { tryTokenKinds } from "./trust/token-kinds.ts";

describe("the benchmark of connections", function () {
  this.timeout(240_000);

  it("breaks no upload by cancelled calls or renewed certificates, and sees each certificate", async () => {
    const { stage, clear } = await setStage(CHUNK_BYTES);
    try {
      const rows = await measureConnections(stage, { reloads: 3 }, () => undefined);
      const broken = rows.filter(({ unit }) => unit === "count");
      expect(broken.map(({ measured }) => measured)).to.deep.equal(broken.map(() => 0));
      expect(broken.length).to.equal(stage.certificate === undefined ? 1 : 2);
    } finally {
      await clear();
    }
  });
});

describe("the benchmark of tokens and grants", function () {
  this.timeout(240_000);

  it("tries every kind of token at every endpoint", async () => {
    expect(await tryTokenKinds()).to.include({ measured: 0 });
  });

  it("measures every figure on a small table, none of whose calls fails", async () => {
    const { stage, clear } = await setStage(CHUNK_BYTES);
    try {
      const run = { rows: 2000, calls: 40, rounds: 1, sizeBytes: 2 ** 22, tokens: 500 };
      const rows = await measureTrust(stage, run, () => undefined);
      const counts = rows.filter(({ unit }) => unit === "count").map(({ measured }) => measured);
      expect(counts).to.deep.equal([0, 0, 0]);
      const ratios = rows.filter(({ unit }) => unit === "ratio").map(({ measured = 0 }) => measured);
      expect(ratios.filter((value) => !(value > 0))).to.deep.equal([]);
      expect(ratios).to.have.lengthOf(7);
    } finally {
      await clear();
    }
  });
});
