import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { parse } from "yaml";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../../gen/grpc/health/v1/health_pb.ts";
import { toEnvironment } from "../../aws/settings/environment.ts";
import { ENVIRONMENT } from "../../config/config-environment.ts";
import { findUnknownVariables } from "../../config/config-names.ts";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { createEmptyDatabase } from "../rigs/database/postgres.ts";
import { startServiceProcess } from "../rigs/service/service-process.ts";
import { startDevS3 } from "../rigs/storage/dev-s3.ts";
import { until } from "../rigs/until.ts";
import { testedBlock } from "../structure/pages.ts";
import { BUCKET_CONFIGURATION, SITE } from "./bucket-stack.ts";
import { GOLDEN_VALUES, OWN_VALUES, toGoldenFile } from "./chart-values.ts";
import { CHART } from "./helm.ts";
import { NEWEST_KUBERNETES, openKubernetesJudge } from "./kubernetes-judge.ts";
import { findManifest, readManifests } from "./manifests.ts";
import { runDeployed } from "./run-deployed.ts";

/** The top of the repository, as the image has it under /sluice/. */
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** What the chart sets itself, so that no value may. */
const OF_THE_CHART = [
  ...["SLUICE_DATABASE_CA", "SLUICE_DRAIN_TIMEOUT_MS", "SLUICE_LISTEN", "SLUICE_MEMORY_BUDGET_BYTES"],
  ...["SLUICE_METRICS_LISTEN", "SLUICE_PLAINTEXT", "SLUICE_TLS_CERT", "SLUICE_TLS_KEY", "SLUICE_WORKERS"],
];
/** Secrets, of which values name the place alone; certificates of callers, which probes do not have; what only `sluice migrate` reads. */
const NOT_IN_VALUES = [
  ...["SLUICE_AUDIT_KEYS", "SLUICE_DEV_TOKEN", "SLUICE_TOKEN_KEYS", "SLUICE_TLS_CLIENT_CA"],
  "SLUICE_DATABASE_DIRECT_URL",
];

type Labels = Readonly<Record<string, string>>;
interface Container {
  args: string[];
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string } } }[];
  startupProbe: { httpGet: { path: string } };
  livenessProbe: { httpGet: { path: string } };
  readinessProbe: object;
  lifecycle: { preStop: { sleep: { seconds: number } } };
}

describe("deploy/helm", () => {
  const goldenOf = (name: string) => readFileSync(toGoldenFile(name), "utf8");
  const containerOf = (text: string, kind: string): Container =>
    findManifest(text, kind).spec.template.spec.containers[0];

  it("takes the values that the page has", () => {
    expect(parse(testedBlock("deploying", "From an empty account to Amazon EKS", "yaml"))).to.deep.equal(OWN_VALUES);
  });

  it("takes every variable of the service that is neither secret nor its own", () => {
    const schema = JSON.parse(readFileSync(`${CHART}values.schema.json`, "utf8"));
    const names = Object.keys(ENVIRONMENT).filter(
      (name) => name.startsWith("SLUICE_") && ![...OF_THE_CHART, ...NOT_IN_VALUES].includes(name),
    );
    expect(Object.keys(schema.properties.environment.properties)).to.have.members(names);
  });

  it("gives the service all that the stack of the bucket and config env say", () => {
    const { data } = findManifest(goldenOf("defaults"), "ConfigMap");
    const isDefault = ([name, value]: [string, string]) =>
      String(ENVIRONMENT[name as keyof typeof ENVIRONMENT].safeParse(undefined).data) === value;
    const wanted = Object.entries(toEnvironment(BUCKET_CONFIGURATION)).filter((entry) => !isDefault(entry));
    expect(data).to.include(Object.fromEntries(wanted));
    expect(findUnknownVariables(data)).to.deep.equal([]);
  });

  it("kills pods later than the service needs to drain, and keeps their connections as long", () => {
    for (const name of Object.keys(GOLDEN_VALUES)) {
      const text = goldenOf(name);
      const drainMs = Number(findManifest(text, "ConfigMap").data.SLUICE_DRAIN_TIMEOUT_MS);
      const { terminationGracePeriodSeconds } = findManifest(text, "Deployment").spec.template.spec;
      const pauseSeconds = containerOf(text, "Deployment").lifecycle.preStop.sleep.seconds;
      expect(1000 * (terminationGracePeriodSeconds - pauseSeconds), name).to.be.at.least(drainMs + 5000);
      for (const [, seconds] of text.matchAll(/deregistration_delay\.timeout_seconds=(\d+)/g)) {
        expect(1000 * Number(seconds), name).to.equal(drainMs);
      }
    }
  });

  it("selects the pods of the service by every selector", () => {
    for (const name of Object.keys(GOLDEN_VALUES)) {
      const manifests = readManifests(goldenOf(name));
      const pods: Labels = findManifest(goldenOf(name), "Deployment").spec.template.metadata.labels;
      const services = manifests.filter(({ kind }) => kind === "Service");
      for (const { kind, spec } of manifests) {
        const selector = spec?.podSelector?.matchLabels ?? spec?.selector?.matchLabels ?? spec?.selector;
        if (selector === undefined) continue;
        const all = kind === "ServiceMonitor" ? services.map(({ metadata }) => metadata.labels) : [pods];
        expect(all.filter((labels) => isSelected(labels, selector)).length, `${name}: ${kind}`).to.equal(1);
      }
    }
  });

  it("starts a service as rendered that its probes find well, by a token of RDS for the role that the migration made", async function () {
    const text = goldenOf("defaults");
    const secrets = containerOf(text, "Deployment").env?.map(({ name }) => name);
    expect(secrets).to.deep.equal(["SLUICE_TOKEN_KEYS"]);
    const run = await runDeployed({
      region: SITE.region,
      renderFor: async (port) => {
        const { data } = findManifest(text, "ConfigMap");
        const url = new URL(data.SLUICE_DATABASE_URL as string);
        url.host = `127.0.0.1:${port}`;
        return {
          migrationArgs: containerOf(text, "Job").args,
          // The image sets the first.
          environment: { NODE_ENV: "production", ...data, SLUICE_DATABASE_URL: url.href },
        };
      },
      probe: async (url) => {
        const { startupProbe, livenessProbe, readinessProbe } = containerOf(text, "Deployment");
        for (const { httpGet } of [startupProbe, livenessProbe]) {
          expect((await fetch(`${url}${httpGet.path}`)).status, httpGet.path).to.equal(200);
        }
        expect(readinessProbe).to.have.property("grpc");
        const health = createClient(Health, createGrpcTransport({ baseUrl: url }));
        // Whoever asks meets one worker or another, and they become ready one after another.
        await until("the pod is ready", async () => (await health.check({})).status === Status.SERVING);
      },
    });
    if (run === undefined) return this.skip();
    expect(run.exitCode).to.equal(0);
    expect(run.logins).to.be.above(0);
  });

  it("migrates and serves with the password of a Secret, which its URLs do not hold", async () => {
    const [job, deployment] = ["Job", "Deployment"].map((kind) => containerOf(goldenOf("everything"), kind));
    for (const container of [job, deployment]) expect(container?.env?.map(({ name }) => name)).to.include("PGPASSWORD");
    const [database, s3] = [await createEmptyDatabase(), await startDevS3()];
    try {
      const url = new URL(database.url);
      const secret = { PGPASSWORD: url.password };
      url.password = "";
      await promisify(execFile)(process.execPath, [join(ROOT, "src/cli/main.ts"), job?.args[0] as string], {
        env: { PATH: process.env.PATH, SLUICE_DATABASE_URL: url.href, ...secret },
      });
      const port = await findFreePort();
      const running = await startServiceProcess(s3.endpoint, { databaseUrl: url.href, port, settings: secret });
      expect(await running.stop()).to.equal(0);
    } finally {
      await s3.stop();
      await database.drop();
    }
  });

  it("gives Flyway the migrations, and the authorities that Java does not know", async () => {
    const { initContainers } = findManifest(goldenOf("everything"), "Job").spec.template.spec;
    const [command] = initContainers[0].args as [string];
    const folder = await mkdtemp(join(tmpdir(), "sluice-flyway-files-"));
    try {
      const here = command.replaceAll("/sluice/", ROOT).replaceAll("/flyway/", `${folder}/`);
      await promisify(execFile)("sh", ["-c", here]);
      const migrations = (await readdir(join(ROOT, "migrations"))).filter((name) => name.endsWith(".sql"));
      expect(await readdir(folder)).to.have.members([...migrations, "rds.pem"]);
      const [first] = (await readFile(join(folder, "rds.pem"), "utf8")).split(/(?<=-----END CERTIFICATE-----)/);
      expect(new X509Certificate(first as string).subject).to.include("O=Amazon");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("has nothing in everything that the newest Kubernetes does not know, and is told of what nobody knows", async function () {
    const judge = await openKubernetesJudge();
    if (typeof judge === "string") {
      console.log(`    skipped: ${judge}`);
      return this.skip();
    }
    try {
      const right = goldenOf("everything");
      expect(await judge.judge(right, NEWEST_KUBERNETES)).to.equal("");
      const wrong = right
        .replace("maxSurge", "maxSurplus")
        .replace("minReplicas: 2", "minReplicas: two")
        .replace("jobLabel", "jobName");
      const words = await judge.judge(wrong, NEWEST_KUBERNETES);
      expect(words)
        .to.include("additional properties 'maxSurplus' not allowed")
        .and.include("at '/spec/minReplicas': got string");
      if (judge.skipped.length === 0) expect(words).to.include("'jobName' not allowed");
    } finally {
      await judge.close();
    }
  });
});

function isSelected(labels: Labels, selector: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}
