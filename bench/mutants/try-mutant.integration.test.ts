import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createTestChooser } from "./choose-tests.ts";
import { findMutants } from "./find-mutants.ts";
import { createMutantTrial, type Verdict } from "./try-mutant.ts";

const ROOT = join(import.meta.dirname, "../..");
const PRODUCT = `export const isAdult = (age: number) => age >= 18;
export const unseen = (a: number) => a > 1;
`;

describe("a trial of mutants", () => {
  let tree: string;
  before(async () => {
    tree = await mkdtemp(join(tmpdir(), "sluice-mutants-"));
    await mkdir(join(tree, "src/room"), { recursive: true });
    await mkdir(join(tree, "bench"));
    for (const name of ["node_modules", "bench/mutants"]) await symlink(join(ROOT, name), join(tree, name));
    await writeFile(join(tree, "package.json"), '{ "type": "module" }');
    await writeFile(join(tree, "src/room/age.ts"), PRODUCT);
    const test = `import assert from "node:assert";
import { isAdult } from "./age.ts";
it("has a bound", () => assert.deepEqual([17, 18].map(isAdult), [false, true]));
`;
    await writeFile(join(tree, "src/room/age.test.ts"), test);
    const broken =
      'import { isAdult } from "./age.ts";\nit("fails always", () => { throw new Error(String(isAdult)); });\n';
    await writeFile(join(tree, "src/room/a.test.ts"), broken);
  });
  after(() => rm(tree, { recursive: true }));

  it("says which tests notice what, and does not count one that fails without it", async () => {
    const file = "src/room/age.ts";
    const tests = createTestChooser(tree)(file);
    expect(tests).to.deep.equal({ unit: ["src/room/age.test.ts", "src/room/a.test.ts"], integration: [] });
    const tryMutant = createMutantTrial(tree);
    const tried = [];
    for (const mutant of findMutants(file, PRODUCT).filter(
      ({ replacement }) => replacement === ">" || replacement === ">=",
    )) {
      tried.push([mutant.line, await tryMutant(mutant, tests)]);
    }
    const verdict = tried[0]?.[1] as Verdict | undefined;
    const says = verdict?.kind === "killed" ? verdict.says : "";
    expect(says).to.include("deep-equal");
    expect(tried).to.deep.equal([
      [1, { kind: "killed", by: "src/room/age.test.ts has a bound", says }],
      [2, { kind: "survived" }],
    ]);
  });
});
