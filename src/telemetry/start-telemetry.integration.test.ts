import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect } from "chai";
import { createSluiceClient } from "../client/client.ts";
import { findFreePort } from "../devstack/tcp-port.ts";
import { createTestDatabase, type TestDatabase } from "../testing/rigs/database/postgres.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { type DevS3, startDevS3 } from "../testing/rigs/storage/dev-s3.ts";
import { type OtlpReceiver, openOtlpReceiver, type ReceivedSpan } from "../testing/rigs/telemetry/otlp-receiver.ts";
import { until } from "../testing/rigs/until.ts";
import { METRICS, type MetricName } from "./metrics.ts";

const PART_BYTES = 65_536;
/** Metrics of what may happen or not in a service that is well, and of what the service of these tests does not have. */
const SELDOM: ReadonlySet<string> = new Set<MetricName>([
  ...(["sluice.degraded", "sluice.job.run.duration", "sluice.memory.wait.duration"] as const),
  ...(["sluice.s3.retries", "sluice.s3.breakers.open", "sluice.deliveries"] as const),
  ...(["sluice.audit.lag", "sluice.cache.lookups", "sluice.certificate.expiry"] as const),
]);
const UPLOADS = "sluice.v1.UploadService";
const QUERIES = "sluice.v1.FileQueryService";

describe("The telemetry of a service", () => {
  let receiver: OtlpReceiver;
  let storage: DevS3;
  let database: TestDatabase;
  let service: ServiceProcess | undefined;
  before(async () => {
    [receiver, storage, database] = await Promise.all([
      openOtlpReceiver(),
      startDevS3({ multipartMinPartBytes: 1 }),
      createTestDatabase(),
    ]);
  });
  after(async () => {
    await storage.stop();
    await receiver.close();
    await database.drop();
  });
  /** Ends the service, and forgets what it has told. */
  const end = async () => {
    await service?.kill();
    service = undefined;
    receiver.spans.length = 0;
    receiver.lines.length = 0;
    storage.server.faults.clear();
  };

  /** Starts the service with a collector, and settings over those of the test. */
  async function start(settings: Record<string, string> = {}) {
    service = await startServiceProcess(storage.endpoint, {
      databaseUrl: database.url,
      port: await findFreePort(),
      settings: {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_BSP_SCHEDULE_DELAY: "20",
        OTEL_BLRP_SCHEDULE_DELAY: "20",
        OTEL_METRICS_EXPORTER: "none",
        SLUICE_PART_SIZE_BYTES: String(PART_BYTES),
        ...settings,
      },
    });
    const { url } = service;
    const get = (path: string, headers: Record<string, string> = {}) =>
      callRest(`${url}/v1/namespaces/default/files/${path}`, { token: SERVICE_TOKEN, headers });
    return { url, get };
  }
  const serverSpans = () => receiver.spans.filter(({ kind }) => kind === 2);
  const childrenOf = ({ spanId }: ReceivedSpan) =>
    receiver.spans.filter(({ parentSpanId }) => parentSpanId === spanId).map(({ name }) => name);

  describe("that records all", () => {
    let port: number;
    let url: string;
    let get: Awaited<ReturnType<typeof start>>["get"];
    before(async () => {
      port = await findFreePort();
      ({ url, get } = await start({
        OTEL_TRACES_SAMPLER_ARG: "1",
        OTEL_METRICS_EXPORTER: "otlp",
        OTEL_METRIC_EXPORT_INTERVAL: "200",
        SLUICE_METRICS_LISTEN: `127.0.0.1:${port}`,
      }));
    });
    after(end);

    it("has one tree for an upload, with its statements and each request to S3", async () => {
      const client = createSluiceClient({ url, token: SERVICE_TOKEN });
      await client.upload(Buffer.alloc(2 * PART_BYTES + 1), "traced.bin");
      client.close();
      await until("the upload's span", () => serverSpans().some(({ name }) => name === `${UPLOADS}/WriteUpload`));
      const upload = serverSpans().find(({ name }) => name === `${UPLOADS}/WriteUpload`) as ReceivedSpan;
      const within = receiver.spans.filter(({ traceId }) => traceId === upload.traceId);
      expect(upload.parentSpanId).to.equal("");
      expect(upload.attributes).to.deep.equal({
        ...{ "rpc.system.name": "grpc", "rpc.method": `${UPLOADS}/WriteUpload`, "rpc.status_code": "OK" },
        ...{ "sluice.namespace": "default", "sluice.file.bytes": 131_073 },
      });
      // Each span hangs on the tree of this call, and no other.
      for (const { spanId, parentSpanId } of within)
        if (spanId !== upload.spanId) expect(within.map(({ spanId: id }) => id)).to.include(parentSpanId);
      const requests = within.filter(({ name }) => name.startsWith("S3."));
      expect(
        requests.map(({ name, attributes }) => `${name} ${attributes["aws.s3.part_number"] ?? ""}`).sort(),
      ).to.deep.equal([
        ...["S3.CompleteMultipartUpload ", "S3.CreateMultipartUpload "],
        ...["S3.UploadPart 1", "S3.UploadPart 2", "S3.UploadPart 3"],
      ]);
      for (const { attributes } of requests)
        expect(attributes).to.include({ "rpc.system.name": "aws-api", "aws.s3.bucket": "bucket" });
      expect(within.map(({ name }) => name)).to.include.members([
        "INSERT request",
        "INSERT part",
        "UPDATE part",
        "INSERT path_generation",
      ]);
      for (const { attributes } of within.filter(({ name }) => /^[A-Z]+ /.test(name)))
        expect(attributes).to.include({ "db.system.name": "postgresql" }).and.have.property("db.query.text");
      const job = await until("a job's span", () => receiver.spans.find(({ name }) => name === "job sweep-uploads"));
      expect(job).to.deep.include({ parentSpanId: "", links: [] });
      expect(job.attributes).to.deep.equal({ "sluice.job": "sweep-uploads", "sluice.namespace": "default" });
      expect(childrenOf(job)).to.include("SELECT upload");
    });

    it("sends the lines of the log too, each with its trace, and none that is not in the log", async () => {
      await get("logged.bin");
      const line = await until("the call's line", () =>
        receiver.lines.find(({ body, attributes }) => body === "call" && attributes.method === `${QUERIES}/GetFile`),
      );
      const written = service?.log.find(({ msg, method }) => msg === "call" && method === `${QUERIES}/GetFile`);
      const span = await until("the call's span", () => serverSpans().find(({ traceId }) => traceId === line.traceId));
      expect(line).to.include({ severityNumber: 9, traceId: written?.traceId, spanId: span.spanId });
      const { level, time, msg, instance, traceId, spanId, ...fields } = written ?? {};
      expect(line.attributes).to.deep.equal(fields);
      const texts = new Set(service?.log.map(({ msg: text }) => text));
      for (const { body } of receiver.lines) expect(texts).to.include(body);
    });

    it("records the traces that a load balancer begins", async () => {
      await get("traced.bin", { "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678" });
      await until("the load balancer's span", () =>
        serverSpans().some(({ traceId }) => traceId === "67891233abcdef012345678912345678"),
      );
    });

    it("tells the metrics of the table in docs/operating.md, and no others, by OTLP and to Prometheus", async () => {
      const client = createSluiceClient({ url, token: SERVICE_TOKEN });
      await client.upload(Buffer.alloc(1000), "measured.bin");
      client.close();
      expect((await get("measured.bin?alt=media&redirect=false")).status).to.equal(200);
      expect((await get("missing.bin")).status).to.equal(404);
      const scrape = async () => (await callRest(`http://127.0.0.1:${port}/metrics`)).body as string;
      const calls = /rpc_server_call_duration_count\{.*rpc_method="sluice.v1.UploadService\/WriteUpload".*\} 2\n/;
      await until("Prometheus sees the upload", async () => calls.test(await scrape()));
      const page = await scrape();
      expect(page.match(/^sluice_upload_streams\{service_instance_id="[^"]+"\} 0$/gm)).to.have.length(1);
      for (const name of ["received", "durable", "committed"])
        expect(page).to.match(
          new RegExp(`sluice_upload_${name}_total\\{.*sluice_namespace="default".*\\} ${2 * PART_BYTES + 1001}\n`),
        );
      expect(page.match(/^# TYPE rpc_server_call_duration histogram$/gm)).to.have.length(1);
      expect((await callRest(`http://127.0.0.1:${port}/other`)).status).to.equal(404);
      const certain = Object.keys(METRICS).filter((name) => !SELDOM.has(name));
      await until("all metrics", () => certain.every((name) => receiver.metrics.has(name)));
      for (const [name, labels] of receiver.metrics) {
        expect(METRICS).to.have.property(name);
        const declared: readonly string[] = METRICS[name as MetricName].labels;
        for (const label of labels) expect(declared, `${name} has the label ${label}`).to.include(label);
      }
    });
  });

  describe("with other settings", () => {
    afterEach(end);

    it("keeps what fails by a fault of its own of the traces that it does not record", async () => {
      const { get } = await start({ OTEL_TRACES_SAMPLER: "always_off", SLUICE_SLOW_CALL_MS: "60000" });
      await get("missing.bin");
      await get("traced.bin");
      storage.server.faults.add({
        operation: "GetObject",
        times: 1000,
        fault: { kind: "status", status: 503, code: "SlowDown" },
      });
      expect((await get("traced.bin?alt=media&redirect=false")).status).to.equal(503);
      await until("the failure's span", () => serverSpans().length > 0);
      const [failed] = serverSpans();
      expect(failed).to.deep.include({ name: `${QUERIES}/ReadFile`, status: { code: 2 } });
      expect(failed?.attributes).to.include({ "rpc.status_code": "UNAVAILABLE", "error.type": "STORAGE_UNAVAILABLE" });
      expect(serverSpans()).to.have.length(1);
      const line = await until("its line", () =>
        service?.log.find(({ msg, outcome }) => msg === "call" && outcome === "STORAGE_UNAVAILABLE"),
      );
      expect(line).to.include({ traceId: failed?.traceId });
    });

    it("signs what goes to endpoints of AWS", async () => {
      const { get } = await start({
        SLUICE_OTLP_AUTH: "sigv4",
        OTEL_METRICS_EXPORTER: "otlp",
        OTEL_TRACES_SAMPLER: "always_on",
        OTEL_METRIC_EXPORT_INTERVAL: "200",
        OTEL_EXPORTER_OTLP_LOGS_HEADERS: "x-aws-log-group=/sluice/service,x-aws-log-stream=test",
      });
      await get("traced.bin");
      for (const service of ["xray", "monitoring", "logs"]) {
        const signed = new RegExp(
          `^AWS4-HMAC-SHA256 Credential=AKIDTEST/\\d{8}/eu-central-1/${service}/aws4_request, `,
        );
        const headers = await until(`a batch for ${service}`, () =>
          receiver.signed.find(({ authorization }) => signed.test(authorization ?? "")),
        );
        if (service !== "logs") continue;
        expect(headers).to.include({ "x-aws-log-group": "/sluice/service", "x-aws-log-stream": "test" });
        expect(headers.authorization).to.include("x-aws-log-group;x-aws-log-stream");
      }
    });

    it("serves beside a collector that never answers and one that is away, and ends in time", async () => {
      const held = new Set<Socket>();
      const silent = createServer((socket) => void held.add(socket.on("error", () => {}).resume()));
      await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
      try {
        const { get } = await start({
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
          OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://127.0.0.1:9/v1/logs",
          OTEL_TRACES_SAMPLER: "always_on",
          OTEL_LOGS_EXPORTER: "otlp",
          OTEL_METRICS_EXPORTER: "otlp",
          OTEL_METRIC_EXPORT_INTERVAL: "200",
        });
        expect((await get("traced.bin")).status).to.equal(200);
        await until("traces and metrics wait for an answer", () => held.size >= 2);
        const isTold = () => service?.log.some(({ msg }) => String(msg).startsWith("telemetry does not reach"));
        await until("it is told that the lines reach nobody", isTold);
        expect((await get("traced.bin")).status).to.equal(200);
        // A process that does not end in time is killed, and has no exit code.
        expect(await service?.stop()).to.equal(0);
      } finally {
        for (const socket of held) socket.destroy();
        silent.close();
      }
    });
  });
});
