import { expect } from "chai";
import { SAMPLE_CALLER } from "../testing/samples/sample-records.ts";
import { addOrigin } from "./add-origin.ts";

describe("addOrigin", () => {
  const call = (trustedProxies: number, from?: string, forwardedFor?: string) =>
    addOrigin(async () => SAMPLE_CALLER, { trustedProxies })(
      (name) => (name === "x-forwarded-for" ? forwardedFor : undefined),
      from,
    );

  it("tells the address of the connection, whatever the caller claims", async () => {
    expect(await call(0, "::ffff:192.0.2.7", "203.0.113.9")).to.deep.equal({ ...SAMPLE_CALLER, address: "192.0.2.7" });
  });

  it("tells the address that the outermost trusted proxy saw", async () => {
    const { address } = await call(2, "10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2");
    expect(address).to.equal("203.0.113.9");
  });

  it("tells none when there is none", async () => {
    expect(await call(0)).to.deep.equal(SAMPLE_CALLER);
    expect(await call(1, undefined, "not an address")).to.deep.equal(SAMPLE_CALLER);
  });
});
