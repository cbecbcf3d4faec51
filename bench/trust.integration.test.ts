import { expect } from "chai";
import { setStage } from "./stage.ts";
import { CHUNK_BYTES, measureTrust } from "./trust/measure-trust.ts";
import { tryTokenKinds } from "./trust/token-kinds.ts";

describe("the benchmark of tokens and grants", function () {
  this.timeout(240_000);

  it("tries every kind of token at every endpoint", async () => {
    expect(await tryTokenKinds()).to.include({ measured: 0 });
  });

  it("measures every figure on a small table, none of whose calls fails", async () => {
    const { stage, clear } = await setStage(CHUNK_BYTES);
    try {
      const rows = await measureTrust(stage, { rows: 2000, calls: 40, rounds: 1, sizeBytes: 2 ** 22 }, () => undefined);
      expect(rows.map(({ measured }) => measured).filter((value) => !(value !== undefined && value > 0))).to.deep.equal(
        [],
      );
      expect(rows).to.have.lengthOf(5);
    } finally {
      await clear();
    }
  });
});
