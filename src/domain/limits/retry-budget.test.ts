import { expect } from "chai";
import { RetryBudget } from "./retry-budget.ts";

describe("RetryBudget", () => {
  const takeAll = (budget: RetryBudget) => {
    let taken = 0;
    while (budget.take()) taken++;
    return taken;
  };

  it("gives its reserve at once, and then a share of the requests", () => {
    const budget = new RetryBudget({ share: 0.25, reserveMax: 5 });
    expect(takeAll(budget)).to.equal(5);
    for (let request = 0; request < 3; request++) budget.noteRequest();
    expect(takeAll(budget), "three quarters of a retry").to.equal(0);
    budget.noteRequest();
    expect(takeAll(budget)).to.equal(1);
  });

  it("saves up no more than its reserve", () => {
    const budget = new RetryBudget({ share: 0.5, reserveMax: 5 });
    for (let request = 0; request < 1000; request++) budget.noteRequest();
    expect(takeAll(budget)).to.equal(5);
  });
});
