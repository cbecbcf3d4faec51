import { expect } from "chai";
import { useManualClock } from "../../testing/fakes/use-manual-clock.ts";
import { whileTaken } from "./taken-answer.ts";

describe("whileTaken", () => {
  const { pass } = useManualClock();

  async function* count(end: number) {
    for (let i = 1; i <= end; i++) yield i;
  }

  it("ends what nobody takes, and not what is taken slowly", async () => {
    let stalls = 0;
    const onStall = () => stalls++;
    const pieces = whileTaken(count(3), { stallTimeoutMs: 1000, onStall });
    for (const expected of [1, 2, 3]) {
      expect((await pieces.next()).value).to.equal(expected);
      await pass(999);
    }
    expect(stalls).to.equal(0);
    await pass(1);
    expect(stalls).to.equal(1);
    expect((await pieces.next()).done).to.equal(true);
  });

  it("leaves no timer when it is given up", async () => {
    const pieces = whileTaken(count(3), { stallTimeoutMs: 1000, onStall: () => expect.fail("it was given up") });
    await pieces.next();
    await pieces.return();
    await pass(5000);
  });
});
