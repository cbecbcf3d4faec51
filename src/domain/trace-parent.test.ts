import { expect } from "chai";
import { parseTraceParent } from "./trace-parent.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const parse = (headers: Record<string, string>) => parseTraceParent((name) => headers[name]);

describe("parseTraceParent", () => {
  it("reads the trace of a caller, its span, and whether it is recorded", () => {
    for (const [flags, isSampled] of [
      ["01", true],
      ["00", false],
      ["03", true],
    ] as const)
      expect(parse({ traceparent: `00-${TRACE}-${SPAN}-${flags}` })).to.deep.equal({
        traceId: TRACE,
        spanId: SPAN,
        isSampled,
      });
    expect(parse({ traceparent: `01-${TRACE}-${SPAN}-01-more` })?.traceId).to.equal(TRACE);
  });

  it("reads the trace of a load balancer of AWS", () => {
    const root = "Root=1-67891233-abcdef012345678912345678";
    const traceId = "67891233abcdef012345678912345678";
    expect(parse({ "x-amzn-trace-id": root })).to.deep.equal({ traceId, spanId: undefined, isSampled: undefined });
    const whole = `Self=1-67891234-12456789abcdef012345678;${root};Parent=463ac35c9f6413ad;Sampled=1`;
    expect(parse({ "x-amzn-trace-id": whole })).to.deep.equal({ traceId, spanId: "463ac35c9f6413ad", isSampled: true });
  });

  for (const traceparent of [
    "",
    "x",
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}0-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01x`,
  ]) {
    it(`takes "${traceparent}" for none`, () => {
      expect(parse({ traceparent })).to.equal(undefined);
    });
  }

  it("takes a header of AWS that is cut off for none", () => {
    for (const amzn of [
      "Root=1-67891233-abc",
      "Root=1-67891233",
      "Parent=463ac35c9f6413ad",
      "1-67891233-abcdef012345678912345678",
    ])
      expect(parse({ "x-amzn-trace-id": amzn })).to.equal(undefined);
  });
});
