import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../../gen/grpc/health/v1/health_pb.ts";
import { FileQueryService } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../devstack/embedded-postgres.ts";
import { migrate } from "../../postgres/schema/migrate.ts";
import { pauseProcesses } from "../../testing/rigs/service/pause-processes.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";

const AWAY = { status: 503, reason: "DATABASE_UNAVAILABLE", retryAfter: "1" };

describe("A service whose database is away", () => {
  let directory: string;
  let postgres: EmbeddedPostgres;
  let service: RunningService;
  const start = async (port?: number) => {
    const options = { dataDirectory: join(directory, "data"), password: "test", durable: false };
    postgres = await startEmbeddedPostgres(port === undefined ? options : { ...options, port });
  };
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-away-"));
    await start();
    await migrate({ url: postgres.url });
    service = await startService({ databaseUrl: postgres.url });
    for (const path of ["kept", "unknown"]) {
      expect((await rest(`files/${path}`, { method: "PUT", body: "hello" })).status).to.equal(201);
    }
  });
  after(async () => {
    await service?.stop();
    await postgres?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const rest = (route: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(`${service.url}/v1/namespaces/default/${route}`, { token: SERVICE_TOKEN, ...init });
  const refusalOf = async (route: string, init: Parameters<typeof callRest>[1] = {}) => {
    const { status, headers, body } = await rest(route, init);
    return { status, reason: body.reason, retryAfter: headers.get("retry-after") };
  };
  const isFresh = async () => {
    const { status, headers } = await rest("files/kept");
    return status === 200 && headers.get("sluice-stale-ms") === null;
  };
  const breaks: [string, () => Promise<() => Promise<void>>][] = [
    [
      "killed",
      async () => {
        process.kill(postgres.pid, "SIGQUIT");
        return async () => {
          await postgres.exited;
          await start(postgres.port);
        };
      },
    ],
    [
      "silent",
      async () => {
        const resume = await pauseProcesses(postgres.pid);
        return async () => resume();
      },
    ],
  ];

  for (const [how, breakIt] of breaks) {
    it(`gives kept files, marked as old, while the grants in memory are young: ${how}`, async () => {
      // A machine that is slow enough lets the grants grow too old before the call comes: then the test breaks it once more.
      const stale = await until("a kept file is given", async () => {
        await until("the database answers", isFresh);
        const mend = await breakIt();
        try {
          const answers = await Promise.all([
            rest("files/kept"),
            rest("files/kept", { headers: { "sluice-position": String(2n ** 63n - 1n) } }),
            rest("files/unknown"),
            getByGrpc(service.url),
          ]);
          return answers[0].status === 200 && answers[3] !== undefined ? answers : undefined;
        } finally {
          await mend();
        }
      });
      const [kept, promised, unknown, byGrpc] = stale;
      expect(kept.body.file.sizeBytes).to.equal("5");
      expect(Number(kept.headers.get("sluice-stale-ms"))).to.be.greaterThan(0);
      expect(kept.headers.get("age")).to.match(/^[1-9]\d*$/);
      expect(byGrpc).to.match(/^[1-9]\d*$/);
      for (const { status, body } of [promised, unknown]) {
        expect([status, body.reason]).to.deep.equal([503, "DATABASE_UNAVAILABLE"]);
      }
    });

    it(`refuses everything else, to be tried again, and works when it is back: ${how}`, async () => {
      await until("the database answers", isFresh);
      await until("the service is ready", () => service.app.readiness.isReady);
      const seen: Status[] = [];
      const stop = watchHealth(service.url, seen);
      await until("a watcher is there", () => seen.length === 1);
      const mend = await breakIt();
      try {
        await until(
          "the grants are too old for kept files",
          async () => (await refusalOf("files/kept")).status === 503,
        );
        await until("the service is not ready", () => !service.app.readiness.isReady);
        const calls = [
          ["files/kept", {}],
          ["files", {}],
          ["files:search?filter=path%3D%22a%22", {}],
          ["links", {}],
          ["files/kept?alt=media", {}],
          ["files/kept?alt=media&redirect=false", {}],
          ["files/new", { method: "PUT", body: "x" }],
          ["files/kept:move", { method: "POST", json: { targetPath: "moved" } }],
        ] as const;
        // At once: each of them may wait as long as a call waits for a silent database.
        const refusals = await Promise.all(calls.map(async ([route, init]) => [route, await refusalOf(route, init)]));
        expect(refusals).to.deep.equal(calls.map(([route]) => [route, AWAY]));
        const answer = await fetch(`${service.url}/readyz`, { headers: { connection: "close" } });
        const { status, problems } = (await answer.json()) as { status: string; problems: Record<string, string>[] };
        expect([answer.status, status, problems[0]?.component]).to.deep.equal([503, "not ready", "database"]);
        expect(Date.parse(problems[0]?.since ?? "")).to.be.greaterThan(0);
      } finally {
        await mend();
      }
      await until("the database answers", isFresh);
      await until("the service is ready", () => service.app.readiness.isReady);
      await until("a watcher has seen all of it", () => seen.length === 3);
      expect(seen).to.deep.equal([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
      stop.abort();
    });
  }
});

/** The age of a kept file by its header over gRPC; undefined when there was none. */
async function getByGrpc(baseUrl: string): Promise<string | undefined> {
  const client = createClient(FileQueryService, createGrpcTransport({ baseUrl }));
  let staleMs: string | undefined;
  const onHeader = (header: Headers) => {
    staleMs = header.get("sluice-stale-ms") ?? undefined;
  };
  const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
  await client.getFile({ namespace: "default", path: "kept" }, { headers, onHeader }).catch(() => {});
  return staleMs;
}

/** Notes what a watcher of the replica's health sees, until the result is aborted. */
function watchHealth(baseUrl: string, seen: Status[]): AbortController {
  const stop = new AbortController();
  const watch = createClient(Health, createGrpcTransport({ baseUrl })).watch({}, { signal: stop.signal });
  const follow = async () => {
    for await (const { status } of watch) seen.push(status);
  };
  follow().catch(() => {});
  return stop;
}
