import { expect } from "chai";
import { useManualClock } from "../../testing/fakes/use-manual-clock.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { RefusalPace } from "./refusal-pace.ts";

describe("RefusalPace", () => {
  const { pass } = useManualClock();
  let pace: RefusalPace;
  let now: number;
  let random: number;
  beforeEach(() => {
    now = 0;
    random = 1;
    pace = new RefusalPace({ now: () => now, random: () => random });
  });

  /** How many of so many refusals of one caller are told by now. */
  const refuse = (caller: string, count: number) => {
    const told = { count: 0 };
    for (let i = 0; i < count; i++) void pace.untilTold(caller).then(() => told.count++);
    return told;
  };

  it("tells a caller's first refusals at once, and then so many a second", async () => {
    const told = refuse("a", 400);
    await pass(0);
    expect(told.count).to.equal(200);
    await pass(1000);
    expect(told.count).to.equal(250);
    await pass(3000);
    expect(told.count).to.equal(400);
  });

  it("lets none wait longer than callers wait for an answer", async () => {
    const told = refuse("a", 5000);
    await pass(9999);
    expect(told.count).to.be.lessThan(701);
    await pass(1);
    expect(told.count).to.equal(5000);
  });

  it("spreads those that no place in the line is left for", async () => {
    refuse("a", 700);
    await pass(0);
    random = 0.5;
    const beyond = refuse("a", 100);
    await pass(7499);
    expect(beyond.count).to.equal(0);
    await pass(1);
    expect(beyond.count).to.equal(100);
    await pass(2500);
  });

  it("tells another caller's at once all the same, and the first one's again after a pause", async () => {
    refuse("a", 1000);
    const others = refuse("b", 200);
    await pass(0);
    expect(others.count).to.equal(200);
    await pass(10_000);
    now = 24_000;
    const later = refuse("a", 200);
    await pass(0);
    expect(later.count).to.equal(200);
  });

  it("waits no longer than the caller is there", async () => {
    refuse("a", 200);
    const hangUp = new AbortController();
    const refused = catchError(() => pace.untilTold("a", { signal: hangUp.signal }));
    hangUp.abort(new Error("gone"));
    expect(await refused).to.have.property("message", "gone");
  });
});
