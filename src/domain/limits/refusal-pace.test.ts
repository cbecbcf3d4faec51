import { expect } from "chai";
import { useManualClock } from "../../testing/fakes/use-manual-clock.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { RefusalPace } from "./refusal-pace.ts";

describe("RefusalPace", () => {
  const { pass } = useManualClock();
  let pace: RefusalPace;
  let now: number;
  beforeEach(() => {
    now = 0;
    pace = new RefusalPace({ now: () => now });
  });

  /** How many of so many refusals of one caller are told by now. */
  const refuse = (caller: string, count: number) => {
    const told = { count: 0 };
    for (let i = 0; i < count; i++) void pace.untilTold(caller, { retryAfterMs: 1000 }).then(() => told.count++);
    return told;
  };

  it("tells a caller's first refusals at once, and those beyond after the time that it should have waited", async () => {
    const told = refuse("a", 1000);
    await pass(999);
    expect(told.count).to.equal(200);
    await pass(1);
    expect(told.count).to.equal(1000);
  });

  it("tells another caller's at once all the same, and the first one's again after a pause", async () => {
    refuse("a", 1000);
    const others = refuse("b", 200);
    await pass(0);
    expect(others.count).to.equal(200);
    await pass(1000);
    now = 4000;
    const later = refuse("a", 200);
    await pass(0);
    expect(later.count).to.equal(200);
  });

  it("waits no longer than the caller is there", async () => {
    refuse("a", 200);
    const hangUp = new AbortController();
    const refused = catchError(() => pace.untilTold("a", { retryAfterMs: 1000, signal: hangUp.signal }));
    hangUp.abort(new Error("gone"));
    expect(await refused).to.have.property("message", "gone");
  });
});
