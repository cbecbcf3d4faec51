import { context, trace } from "@opentelemetry/api";
import { startNodeSdk } from "@opentelemetry/sdk-node";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { expect } from "chai";
import { createCallSpans } from "./call-spans.ts";
import { KeepingSampler } from "./keeping-sampler.ts";
import { type CallFailure, ObservedCall } from "./observed-call.ts";

const SLOW_MS = 300;
const COPY = "sluice.v1.FileCommandService/CopyFile";
const READ = "sluice.v1.FileQueryService/ReadFile";

describe("The spans of calls that are not sampled", () => {
  const exporter = new InMemorySpanExporter();
  const processor = new SimpleSpanProcessor({ exporter });
  let sdk: ReturnType<typeof startNodeSdk>;
  before(() => {
    const sampler = new KeepingSampler({ sampler: "always_off", ratio: 0 });
    sdk = startNodeSdk({ sampler, spanProcessors: [processor], metricReaders: [], logRecordProcessors: [] });
  });
  after(async () => {
    await sdk.shutdown();
    trace.disable();
    context.disable();
  });
  const cases: [string, string, number, CallFailure | undefined, number | undefined][] = [
    ["are kept of what takes longer than it may", COPY, SLOW_MS + 1, undefined, 0],
    ["are not kept of what takes as long as it may", COPY, SLOW_MS, undefined, undefined],
    ["are not kept of a stream, which takes as long as its caller wants", READ, SLOW_MS + 1, undefined, undefined],
    ["are kept of what fails by the service", READ, 1, { code: "unavailable", reason: "STORAGE_UNAVAILABLE" }, 2],
    ["are not kept of what its caller has asked wrongly", COPY, 1, { code: "not_found", reason: "NONE" }, undefined],
  ];
  for (const [what, method, durationMs, failure, status] of cases) {
    it(what, async () => {
      exporter.reset();
      const spans = createCallSpans({ slowMs: SLOW_MS });
      const call = new ObservedCall("grpc", () => undefined, undefined);
      call.method = method;
      spans.run(call, () => {});
      if (failure !== undefined) call.fail(failure);
      spans.end(call, { durationMs, httpStatus: 200, isCallerGone: false });
      await processor.forceFlush();
      const kept = exporter.getFinishedSpans().map(({ name, status: { code } }) => [name, code]);
      expect(kept).to.deep.equal(status === undefined ? [] : [[method, status]]);
    });
  }
});
