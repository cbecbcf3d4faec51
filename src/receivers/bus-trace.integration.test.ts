import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { context, propagation, trace } from "@opentelemetry/api";
import { startNodeSdk } from "@opentelemetry/sdk-node";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { expect } from "chai";
import type { Delivery } from "../domain/subscriptions/delivery.ts";
import { parseTraceParent } from "../domain/trace-parent.ts";
import { KeepingSampler } from "../telemetry/keeping-sampler.ts";
import { inRootSpan } from "../telemetry/root-span.ts";
import { createBusClients, createBusSender } from "./bus-sender.ts";

const CAUSE = { traceId: "a".repeat(32), spanId: "b".repeat(16) };

describe("what EventBridge receives of a trace", () => {
  let server: Server;
  let bodies: string[];
  const clients = createBusClients();
  before(async () => {
    server = createServer(async (request, response) => {
      bodies.push(await text(request));
      response.end(JSON.stringify({ FailedEntryCount: 0, Entries: [{ EventId: "1" }, { EventId: "2" }] }));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    Object.assign(process.env, {
      AWS_ENDPOINT_URL_EVENTBRIDGE: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: "any",
      AWS_SECRET_ACCESS_KEY: "any",
    });
  });
  beforeEach(() => {
    bodies = [];
  });
  after(() => {
    delete process.env.AWS_ENDPOINT_URL_EVENTBRIDGE;
    clients.close();
    server.close();
  });

  const send = async () => {
    const arn = "arn:aws:events:eu-central-1:111122223333:event-bus/files";
    const common = { namespace: "default", type: "sluice.file.committed.v1", time: new Date(0), json: "{}" };
    const deliveries = [1, 2].map(
      (sequence): Delivery => ({ ...common, eventId: `${sequence}`, sequence, briefJson: "{}" }),
    );
    const sender = createBusSender(clients.putEvents("eu-central-1"), { arn });
    const sent = await sender.send(deliveries, { signal: new AbortController().signal });
    expect(sent).to.deep.equal({ delivered: 2, failure: undefined });
    return JSON.parse(bodies[0] ?? "").Entries as { TraceHeader?: string }[];
  };

  const startSdk = (spanProcessors: SimpleSpanProcessor[]) => {
    const sampler = new KeepingSampler({ sampler: "parentbased_traceidratio", ratio: 0 });
    return startNodeSdk({ sampler, spanProcessors, metricReaders: [], logRecordProcessors: [] });
  };
  const stopSdk = async (sdk: ReturnType<typeof startNodeSdk>) => {
    await sdk.shutdown();
    for (const api of [trace, context, propagation]) api.disable();
  };

  it("is the span of the delivery, in each entry, in the form of X-Ray", async () => {
    const sdk = startSdk([new SimpleSpanProcessor({ exporter: new InMemorySpanExporter() })]);
    try {
      for (const [causes, isSampled] of [
        [[CAUSE], true],
        [[], false],
      ] as const) {
        bodies = [];
        const { place, entries } = await inRootSpan("deliver event_bus", { attributes: {}, causes }, async () => ({
          place: trace.getActiveSpan()?.spanContext(),
          entries: await send(),
        }));
        for (const { TraceHeader = "" } of entries) {
          expect(TraceHeader).to.match(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]$/);
          const { traceId, spanId } = place ?? {};
          expect(parseTraceParent((name) => (name === "x-amzn-trace-id" ? TraceHeader : null))).to.deep.equal({
            ...{ traceId, spanId, isSampled },
          });
        }
      }
    } finally {
      await stopSdk(sdk);
    }
  });

  it("is nothing where no traces are made, of metrics alone either", async () => {
    for (const entry of await send()) expect(entry).not.to.have.property("TraceHeader");
    const sdk = startSdk([]);
    bodies = [];
    try {
      const entries = await inRootSpan("deliver event_bus", { attributes: {} }, send);
      for (const entry of entries) expect(entry).not.to.have.property("TraceHeader");
    } finally {
      await stopSdk(sdk);
    }
  });
});
