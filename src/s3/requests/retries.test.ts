import { expect } from "chai";
import { RetryBudget } from "../../domain/limits/retry-budget.ts";
import { S3ResponseError } from "./body-requests.ts";
import { BREAKER_OPEN_CODE } from "./breaker.ts";
import { mayTryAgain, toRetryLimits } from "./retries.ts";

describe("mayTryAgain", () => {
  const open = () => new RetryBudget({ share: 0.1, reserveMax: 1 });

  it("takes from the budget for what S3 failed at", () => {
    const budget = open();
    const down = new S3ResponseError("InternalError", 500);
    expect([mayTryAgain(down, budget), mayTryAgain(down, budget)]).to.deep.equal([true, false]);
  });

  it("takes nothing for what an open breaker refused", () => {
    const budget = open();
    const refused = Object.assign(new Error("open"), { code: BREAKER_OPEN_CODE });
    expect([mayTryAgain(refused, budget), mayTryAgain(refused, budget)]).to.deep.equal([true, true]);
  });

  it("takes nothing for what cannot work later", () => {
    const budget = open();
    expect(mayTryAgain(new S3ResponseError("AccessDenied", 403), budget)).to.equal(false);
    expect(budget.take()).to.equal(true);
  });
});

describe("toRetryLimits", () => {
  it("lets each request that can be under way be tried again once, and then a tenth of them", () => {
    const requestsMax = { body: 5, control: 4, read: 3, copy: 2, probe: 1 };
    expect(toRetryLimits({ requestsMax })).to.deep.equal({ share: 0.1, reserveMax: 15 });
  });
});
