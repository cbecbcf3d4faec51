import { expect } from "chai";
import { createSluiceClient, type SluiceClient } from "../client/client.ts";
import { findFreePort } from "../devstack/tcp-port.ts";
import { TEST_TOKEN_KEYS } from "../testing/rigs/callers/authenticate-upload-tokens.ts";
import { createTestDatabase, type TestDatabase } from "../testing/rigs/database/postgres.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../testing/rigs/service/webhook-receiver.ts";
import { type DevS3, startDevS3 } from "../testing/rigs/storage/dev-s3.ts";
import { type OtlpReceiver, openOtlpReceiver, type ReceivedSpan } from "../testing/rigs/telemetry/otlp-receiver.ts";
import { until } from "../testing/rigs/until.ts";

const UPLOADS = "sluice.v1.UploadService";
const EVENTS = "sluice.v1.EventService";
const QUERIES = "sluice.v1.FileQueryService";
const WRONG_TOKEN = "a-token-of-nobody";

describe("What a service tells of its calls", () => {
  let collector: OtlpReceiver;
  let receiver: WebhookReceiver;
  let storage: DevS3;
  let database: TestDatabase;
  let service: ServiceProcess;
  let client: SluiceClient;
  before(async () => {
    [collector, receiver, storage, database] = await Promise.all([
      openOtlpReceiver(),
      startWebhookReceiver(),
      startDevS3({ multipartMinPartBytes: 1 }),
      createTestDatabase(),
    ]);
    service = await startServiceProcess(storage.endpoint, {
      databaseUrl: database.url,
      port: await findFreePort(),
      settings: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_BSP_SCHEDULE_DELAY: "20",
        OTEL_METRICS_EXPORTER: "none",
        // Nothing but what callers record.
        OTEL_TRACES_SAMPLER_ARG: "0",
        SLUICE_SLOW_CALL_MS: "3600000",
        SLUICE_TOKEN_KEYS: JSON.stringify(TEST_TOKEN_KEYS.slice(0, 1)),
        SLUICE_WEBHOOK_NETWORKS: "127.0.0.0/8",
      },
    });
    client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
  });
  after(async () => {
    client?.close();
    await service?.kill();
    await storage.stop();
    await receiver.close();
    await collector.close();
    await database.drop();
  });
  const rest = (path: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(`${service.url}/v1/namespaces/default/${path}`, { token: SERVICE_TOKEN, ...init });
  /** A trace that its caller records. */
  const recorded = (digit: string) => {
    const traceId = digit.repeat(32);
    return { traceId, headers: { traceparent: `00-${traceId}-${digit.repeat(16)}-01` } };
  };
  const spanOf = (name: string, where: (span: ReceivedSpan) => boolean = () => true) =>
    until(`the span ${name}`, () => collector.spans.find((span) => span.name === name && where(span)));
  const calls = (outcome: string) =>
    service.log.filter(({ msg, outcome: ended }) => msg === "call" && ended === outcome);

  it("links the delivery of an event to the call that caused it, and hands its own trace on", async () => {
    const { subscription } = await client.createSubscription({ webhookUrl: receiver.url }, { pathPrefix: "linked/" });
    const { traceId, headers } = recorded("a");
    expect((await rest("files/linked/1", { method: "PUT", body: "bytes", headers })).status).to.equal(201);
    const delivery = await spanOf("deliver webhook", ({ links }) => links.length > 0);
    const upload = await spanOf(`${UPLOADS}/WriteUpload`, (span) => span.traceId === traceId);
    expect(delivery.links).to.deep.equal([{ traceId, spanId: upload.spanId }]);
    expect(delivery.parentSpanId).to.equal("");
    expect(delivery.traceId).not.to.equal(traceId);
    expect(delivery.attributes).to.deep.equal({
      "sluice.namespace": "default",
      "sluice.subscription_id": subscription.subscriptionId,
    });
    const event = await until("the event", () =>
      receiver.received.find(({ event: one }) => one.subject === "linked/1"),
    );
    expect(event.headers.traceparent).to.equal(`00-${delivery.traceId}-${delivery.spanId}-01`);
    const journal = await rest(`auditEntries?filter=${encodeURIComponent(`trace_id = "${traceId}"`)}`);
    expect(journal.body.entries.map(({ action }: { action: string }) => action)).to.include("CommitUpload");
    await client.deleteSubscription(subscription.subscriptionId);
  });

  it("goes on with the trace of a caller, and records what the caller records and nothing else", async () => {
    const { traceId, headers } = recorded("d");
    const other = recorded("e");
    await rest("files/traced.bin", { headers: { traceparent: other.headers.traceparent.replace(/01$/, "00") } });
    await rest("files/traced.bin");
    await rest("files/traced.bin", { headers });
    const span = await spanOf(`${QUERIES}/GetFile`);
    expect(span).to.include({ traceId, parentSpanId: "d".repeat(16) });
    const children = collector.spans.filter(({ parentSpanId }) => parentSpanId === span.spanId);
    expect(children.map(({ name }) => name)).to.deep.equal(["SELECT file"]);
    expect(collector.spans.filter((one) => one.traceId === other.traceId)).to.deep.equal([]);
  });

  it("has the statements of a stream in the trace of its call, whatever asks for the next piece", async () => {
    const size = 4 * 1024 * 1024;
    await client.upload(Buffer.alloc(size), "streamed.bin");
    const read = recorded("b");
    const answer = await rest("files/streamed.bin?alt=media&redirect=false", { headers: read.headers });
    expect(answer.body.length).to.equal(size);
    const watch = recorded("c");
    const ending = new AbortController();
    const watched = await fetch(`${service.url}/v1/namespaces/default/events:watch`, {
      headers: { authorization: `Bearer ${SERVICE_TOKEN}`, ...watch.headers },
      signal: ending.signal,
    });
    const pieces = watched.body?.getReader();
    await pieces?.read();
    await client.upload(Buffer.alloc(1), "watched.bin");
    await pieces?.read();
    ending.abort();
    for (const [{ traceId }, name, own] of [
      [read, `${QUERIES}/ReadFile`, ["SELECT file", "S3.GetObject"]],
      [watch, `${EVENTS}/WatchEvents`, ["SELECT journal_number"]],
    ] as const) {
      const call = await spanOf(name, (span) => span.traceId === traceId);
      const children = collector.spans.filter(({ parentSpanId }) => parentSpanId === call.spanId);
      expect(children.map((child) => child.name)).to.include.members([...own]);
      // All that a trace has hangs on its call, and the looks for all who watch are in no call's trace.
      expect(collector.spans.filter((span) => span.traceId === traceId)).to.have.length(children.length + 1);
      const texts = children.map(({ attributes }) => String(attributes["db.query.text"]));
      expect(texts.filter((text) => text.includes("n.namespace = ANY"))).to.deep.equal([]);
    }
  });

  it("logs a refused token, an upload that failed and a purge at info or above, once each", async () => {
    const refused = await rest("files/logged.bin", { token: WRONG_TOKEN });
    expect(refused.status).to.equal(401);
    storage.server.faults.add({
      operation: "PutObject",
      match: { key: /./ },
      fault: { kind: "status", status: 403, code: "AccessDenied" },
    });
    const failed = await rest("files/logged.bin", { method: "PUT", body: "bytes" });
    expect(failed.status).to.be.at.least(400);
    storage.server.faults.clear();
    await rest("files/logged.bin", { method: "PUT", body: "bytes" });
    await client.deleteFile("logged.bin");
    await client.purgeFile("logged.bin");
    await until("the purge", () => service.log.some(({ method }) => String(method).endsWith("/PurgeFile")));
    const failures = calls(failed.body.reason);
    expect(failures.map(({ method, namespace }) => [method, namespace])).to.deep.equal([
      [`${UPLOADS}/WriteUpload`, "default"],
    ]);
    expect(calls(refused.body.reason).map(({ face }) => face)).to.deep.equal(["rest"]);
    expect(service.log.filter(({ method }) => String(method).endsWith("/PurgeFile"))).to.have.length(1);
    const lines = service.log.map(({ time, ...line }) => JSON.stringify(line));
    expect(new Set(lines).size, "lines that are there twice").to.equal(lines.length);
  });

  it("never logs what lets somebody in", async () => {
    await client.upload(Buffer.alloc(1), "secret.bin");
    const { url } = await client.createDownloadUrl("secret.bin");
    const { subscription, secret } = await client.createSubscription({ webhookUrl: receiver.url });
    const { token } = await client.createUploadToken({ prefix: "tokens/" });
    await rest("files/secret.bin", { token });
    await rest("files/secret.bin", { token: WRONG_TOKEN, headers: { "x-amz-security-token": WRONG_TOKEN } });
    await client.upload(Buffer.alloc(1), "secret.bin");
    await client.deleteSubscription(subscription.subscriptionId);
    await until("the last call", () =>
      service.log.some(({ method }) => String(method).endsWith("/DeleteSubscription")),
    );
    const signature = new URL(url).searchParams.get("X-Amz-Signature");
    const text = [JSON.stringify(service.log), ...service.words].join("\n");
    for (const hidden of [SERVICE_TOKEN, WRONG_TOKEN, signature, secret, token, storage.endpoint.secretAccessKey]) {
      expect(hidden).to.be.a("string").and.not.equal("");
      expect(text).not.to.include(hidden as string);
    }
  });
});
