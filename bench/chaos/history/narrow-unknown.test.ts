import { expect } from "chai";
import { narrowUnknown } from "./narrow-unknown.ts";
import type { Operation } from "./operation.ts";

const at = (call: number, rest: Partial<Operation>): Operation => ({
  ...{ pair: 0, caller: 0, call, return: call + 1, kind: "commit", path: 0, outcome: "unknown" },
  ...rest,
});

describe("narrowUnknown", () => {
  it("knows that a commit has happened whose content somebody was told, before the first who was", () => {
    const told = { kind: "get", content: 7, generation: 1, outcome: "ok" } as const;
    const [commit] = narrowUnknown([at(1, { content: 7 }), at(20, told), at(10, told)]);
    expect(commit).to.include({ outcome: "ok", content: 7, return: 11 });
  });

  it("leaves a commit open whose content nobody was told, in its pair", () => {
    const told = { kind: "get", content: 7, generation: 1, outcome: "ok" } as const;
    const [commit] = narrowUnknown([at(1, { content: 7 }), at(10, { ...told, pair: 1 })]);
    expect(commit).to.include({ outcome: "unknown", content: 0 });
  });

  it("lets calls that do the same have their effect in the order in which they began", () => {
    const narrowed = narrowUnknown([
      at(5, { kind: "delete" }),
      at(3, { kind: "delete" }),
      at(4, { kind: "delete", path: 1 }),
      at(1, { content: 1 }),
      at(2, { content: 2, ifGeneration: 0 }),
      at(6, { content: 3 }),
    ]);
    expect(narrowed.map(({ call, group, rank }) => [call, group, rank])).to.deep.equal([
      [1, 0, 0],
      [2, 1, 0],
      [3, 2, 0],
      [4, 3, 0],
      [5, 2, 1],
      [6, 0, 1],
    ]);
  });
});
