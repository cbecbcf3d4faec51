import { expect } from "chai";
import { applyMutant, findMutants } from "./find-mutants.ts";

describe("findMutants", () => {
  const mutate = (source: string) =>
    findMutants("a.ts", source).map((mutant) => [mutant.kind, applyMutant(source, mutant)]);

  it("changes what decides, each in its own way", () => {
    const cases: [source: string, kind: string, ...mutated: string[]][] = [
      ["a < b;", "boundary", "a <= b;", "a >= b;"],
      ["a === b;", "negation", "a !== b;"],
      ["a && b;", "logic", "a || b;"],
      ["a ?? b;", "logic", "a && b;"],
      ["x = () => a * b;", "arithmetic", "x = () => a / b;"],
      ["if (a) b;", "negation", "if (!(a)) b;"],
      ["if (!a) b;", "negation", "if (a) b;"],
      ["a ? b : c;", "negation", "!(a) ? b : c;"],
      ["const x = 7;", "literal", "const x = 0;"],
      ["const x = 0;", "literal", "const x = 1;"],
      ["const x = true;", "literal", "const x = false;"],
      ["i++;", "arithmetic", "i--;"],
      ["await settle();", "removed statement", "undefined;"],
      ["const f = () => { return x; };", "returned value", "const f = () => { return undefined as never; };"],
    ];
    for (const [source, kind, ...mutated] of cases) {
      const found = mutate(source).filter(([of]) => of === kind);
      expect(
        found.map(([, text]) => text),
        source,
      ).to.deep.equal(mutated);
    }
  });

  it("leaves types, comments, texts of the log, metrics and messages of errors alone", () => {
    for (const source of [
      'import { a } from "./b.ts";',
      "type A = 1 | true; interface B { c: 2 }",
      "// a < b\n/* a && b */",
      "this.#log.warn({ a: 1 }, b + 2);",
      'recordMetric("sluice.calls", 1);',
      "throw new RangeError(a + 1);",
      "throw invalidArgument(a + 1, 7);",
      "const x = `a` + b;",
      ["const x = `within $", "{a / 1000} s`;"].join(""),
    ])
      expect(mutate(source), source).to.deep.equal([]);
  });

  it("says where each one is", () => {
    const [mutant] = findMutants("src/a.ts", "\n\n  a < b;");
    expect(mutant).to.include({ file: "src/a.ts", line: 3 });
  });
});
