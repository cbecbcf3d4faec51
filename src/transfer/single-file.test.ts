import { expect } from "chai";
import { settle } from "../testing/fakes/settle.ts";
import { SingleFile } from "./single-file.ts";

describe("SingleFile", () => {
  it("lets one at a time go, in their order, and passes over those who give up", async () => {
    const line = new SingleFile<string>();
    const gone: string[] = [];
    const callers = new Map(["a", "b", "c", "d"].map((who) => [who, new AbortController()]));
    for (const [who, { signal }] of callers) {
      line.enter(who, signal).then(
        () => gone.push(who),
        (error: Error) => gone.push(`${who}: ${error.message}`),
      );
    }
    await settle();
    expect(gone).to.deep.equal(["a"]);
    callers.get("b")?.abort(new Error("gives up"));
    callers.get("a")?.abort(new Error("too late"));
    await settle();
    expect(gone).to.deep.equal(["a", "b: gives up"]);
    line.leave("c");
    line.leave("a");
    line.leave("a");
    await settle();
    expect(gone).to.deep.equal(["a", "b: gives up", "c"]);
    line.leave("c");
    await settle();
    expect(gone.at(-1)).to.equal("d");
  });

  it("does not let in who has given up before", async () => {
    const line = new SingleFile<string>();
    const late = line.enter("a", AbortSignal.abort(new Error("gone")));
    expect(await late.catch((error: Error) => error.message)).to.equal("gone");
    await line.enter("b", new AbortController().signal);
  });
});
