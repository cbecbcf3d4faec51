import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { databaseUnavailable } from "./errors.ts";
import { watchWrites } from "./watch-writes.ts";

describe("watchWrites", () => {
  it("hears that the database is full, and that it has room again, and nothing else", async () => {
    const full = new DomainError("unavailable", "the database is full", { reason: "DATABASE_FULL" });
    const heard: unknown[] = [];
    let failure: Error | undefined = full;
    const write = async (row: string) => {
      if (failure !== undefined) throw failure;
      return `${row} is written`;
    };
    const repository = watchWrites({ write, read: async () => "row" }, ["write"], (problem) => heard.push(problem));
    expect(await catchError(() => repository.write("a"))).to.equal(full);
    expect(await repository.read(), "reading says nothing of room").to.equal("row");
    failure = databaseUnavailable(new Error("gone"));
    await catchError(() => repository.write("a"));
    failure = undefined;
    expect(await repository.write("a")).to.equal("a is written");
    expect(heard).to.deep.equal([full, undefined]);
  });
});
