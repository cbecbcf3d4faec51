import { type Context, context, trace } from "@opentelemetry/api";
import { startNodeSdk } from "@opentelemetry/sdk-node";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { expect } from "chai";
import { KeepingSampler } from "./keeping-sampler.ts";
import { inRootSpan, toTraceHeaders } from "./root-span.ts";

const CAUSE = { traceId: "a".repeat(32), spanId: "b".repeat(16) };

describe("inRootSpan", () => {
  const exporter = new InMemorySpanExporter();
  const processor = new SimpleSpanProcessor({ exporter });
  let sdk: ReturnType<typeof startNodeSdk>;
  const finished = async () => {
    await processor.forceFlush();
    return exporter.getFinishedSpans();
  };
  before(() => {
    const sampler = new KeepingSampler({ sampler: "parentbased_traceidratio", ratio: 0 });
    sdk = startNodeSdk({ sampler, spanProcessors: [processor], metricReaders: [], logRecordProcessors: [] });
  });
  beforeEach(() => exporter.reset());
  after(async () => {
    await sdk.shutdown();
    trace.disable();
    context.disable();
  });

  it("begins a trace that is recorded because a cause is, and has a link to it", async () => {
    let headers: Record<string, string> = {};
    const options = { attributes: { "sluice.job": "test" }, causes: [CAUSE] };
    const result = await inRootSpan("a delivery", options, async () => {
      headers = toTraceHeaders();
      return 7;
    });
    expect(result).to.equal(7);
    const [span] = await finished();
    expect([span?.name, span?.parentSpanContext]).to.deep.equal(["a delivery", undefined]);
    expect(span?.links.map(({ context: { traceId, spanId } }) => ({ traceId, spanId }))).to.deep.equal([CAUSE]);
    expect(span?.spanContext().traceId).not.to.equal(CAUSE.traceId);
    expect(headers).to.deep.equal({
      traceparent: `00-${span?.spanContext().traceId}-${span?.spanContext().spanId}-01`,
    });
  });

  it("is sampled as all traces are where no cause is recorded, and says so to others", async () => {
    const headers = await inRootSpan("a job", { attributes: {} }, async () => toTraceHeaders());
    expect(await finished()).to.deep.equal([]);
    expect(headers.traceparent).to.match(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  it("does not belong to the call in which it is begun", async () => {
    let within: Context | undefined;
    const around = trace.wrapSpanContext({ ...CAUSE, traceFlags: 1 });
    await context.with(trace.setSpan(context.active(), around), () =>
      inRootSpan("a job", { attributes: {} }, async () => {
        within = context.active();
      }),
    );
    expect(within && trace.getSpanContext(within)?.traceId).not.to.equal(CAUSE.traceId);
  });

  it("says what went wrong by the error's name, or as the work says it", async () => {
    const options = { attributes: {}, causes: [CAUSE] };
    const failing = inRootSpan("fails", options, () => Promise.reject(new TypeError("alice's file")));
    expect(await failing.catch(({ name }) => name)).to.equal("TypeError");
    await inRootSpan("fails softly", { ...options, failureOf: (n: number) => `kind ${n}` }, async () => 1);
    const spans = await finished();
    expect(spans.map(({ status, attributes }) => [status, attributes["error.type"]])).to.deep.equal([
      [{ code: 2 }, "TypeError"],
      [{ code: 2 }, "kind 1"],
    ]);
  });

  it("names no trace where nobody makes any", () => {
    expect(toTraceHeaders()).to.deep.equal({});
  });
});
