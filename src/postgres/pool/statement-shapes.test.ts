import { expect } from "chai";
import { StatementShapes } from "./statement-shapes.ts";

describe("StatementShapes", () => {
  const ask = (shapes: StatementShapes, text: string, times: number) =>
    Array.from({ length: times }, () => shapes.nameOf(text)).at(-1);

  it("names a statement that is asked for again and again, always the same", () => {
    const shapes = new StatementShapes();
    expect(ask(shapes, "SELECT 1", 4)).to.equal(undefined);
    const name = shapes.nameOf("SELECT 1");
    expect(name).to.match(/^search_[\w-]{27}$/);
    expect(ask(shapes, "SELECT 1", 10)).to.equal(name);
    expect(ask(shapes, "SELECT 2", 10)).to.not.equal(name);
  });

  it("gives 32 names, whatever is asked for", () => {
    const shapes = new StatementShapes();
    for (let shape = 0; shape < 2000; shape++) expect(shapes.nameOf(`SELECT ${shape}`)).to.equal(undefined);
    const named = Array.from({ length: 100 }, (_, shape) => ask(shapes, `SELECT ${shape}`, 5)).filter((name) => name);
    expect(new Set(named).size).to.equal(32);
    expect(ask(shapes, "SELECT 0", 1)).to.equal(named[0]);
  });
});
