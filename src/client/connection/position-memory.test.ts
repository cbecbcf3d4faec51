import { expect } from "chai";
import { createPositionMemory } from "./position-memory.ts";

describe("createPositionMemory", () => {
  it("sends the furthest position that was answered, and nothing else", async () => {
    const sent: (string | null)[] = [];
    let answer: string | undefined;
    const next = async (request: { header: Headers }) => {
      sent.push(request.header.get("sluice-position"));
      return { header: new Headers(answer === undefined ? {} : { "sluice-position": answer }) };
    };
    const memory = createPositionMemory();
    const call = memory.interceptor(next as never);
    for (const position of [undefined, "99", "110", "109", "nonsense", undefined]) {
      answer = position;
      await call({ header: new Headers() } as never);
    }
    expect(sent).to.deep.equal([null, null, "99", "110", "110", "110"]);
    // Values that streams end with.
    for (const position of ["109", "200", "nonsense", undefined, ["300"]]) memory.note(position);
    await call({ header: new Headers() } as never);
    expect(sent.at(-1)).to.equal("200");
  });
});
