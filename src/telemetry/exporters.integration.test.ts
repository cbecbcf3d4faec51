import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { expect } from "chai";
import { createLogExport, createSpanExport } from "./exporters.ts";

const FORM = { protocol: "http/json", signedRegion: undefined } as const;
/** No batch is sent by the clock before the test asks for it. */
const NEVER_MS = 3_600_000;
/** Many more than wait, and most that may be sent: a full batch leaves the queue at once. */
const [ENDED, SENT_MAX] = [20_000, 2048 + 512];

describe("exporters to a collector that takes what is sent and never answers", () => {
  let silent: Server;
  let received: number;
  before(async () => {
    silent = createServer(async (request) => {
      // biome-ignore lint/suspicious/noExplicitAny: the JSON of another's protocol
      const { resourceSpans = [], resourceLogs = [] } = (await json(request)) as any;
      for (const { scopeSpans } of resourceSpans) for (const { spans } of scopeSpans) received += spans.length;
      for (const { scopeLogs } of resourceLogs) for (const { logRecords } of scopeLogs) received += logRecords.length;
    });
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    received = 0;
  });
  after(() => {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    silent.closeAllConnections();
    silent.close();
  });

  it("keep 2048 spans at most beside the batch under way, and give them up when they may wait no longer", async () => {
    const processor = await createSpanExport(FORM, NEVER_MS);
    const tracer = new TracerProvider({ spanProcessors: [processor] }).getTracer("test");
    for (let nth = 0; nth < ENDED; nth++) tracer.startSpan("span").end();
    await processor.shutdown().catch(() => {});
    expect(received).to.be.within(1, SENT_MAX);
  });

  it("keep 2048 lines of the log at most likewise, and give them up when they may wait no longer", async () => {
    const processor = await createLogExport(FORM, NEVER_MS);
    const logger = new LoggerProvider({ processors: [processor] }).getLogger("test");
    for (let nth = 0; nth < ENDED; nth++) logger.emit({ body: "line" });
    await processor.shutdown().catch(() => {});
    expect(received).to.be.within(1, SENT_MAX);
  });
});
