import { execFile } from "node:child_process";
import { access, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { parse } from "yaml";
import { parseConfig } from "../../config/config.ts";
import { findUnknownVariables } from "../../config/config-names.ts";
import { startChild } from "../../devstack/child-process.ts";
import { startEmbeddedPostgres } from "../../devstack/embedded-postgres.ts";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { openTestImage, wordsOf } from "../rigs/containers/test-image.ts";
import { findProgram } from "../rigs/tools/find-program.ts";
import { findTool, TOOLS } from "../rigs/tools/find-tool.ts";
import { startTool, type ToolProcess, type ToolRecipe } from "../rigs/tools/tool-process.ts";
import { until } from "../rigs/until.ts";
import { codesIn, rowsOf, sectionOf, testedBlock } from "../structure/pages.ts";
import { type ComposeModel, type ComposeService, readCompose } from "./compose-model.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const FILE = join(ROOT, "deploy/compose.yaml");
const MAIN = new URL("../../cli/main.ts", import.meta.url);
/** The trace of the upload, which its caller names. */
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

describe("deploy/compose.yaml", () => {
  let model: ComposeModel;
  let directory: string;
  before(async function () {
    const read = await readCompose(FILE);
    if (typeof read === "string") {
      console.log(`    skipped: ${read}`);
      return this.skip();
    }
    model = read;
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-test-compose-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const serviceOf = (name: string): ComposeService => {
    const service = model.services[name];
    if (service === undefined) throw new Error(`there is no service "${name}"`);
    return service;
  };
  /** The file that a service finds at a path. */
  const fileOf = (name: string, target: string) =>
    serviceOf(name).volumes?.find((volume) => volume.type === "bind" && volume.target === target)?.source ?? "";
  const yamlOf = async (name: string, target: string) => parse(await readFile(fileOf(name, target), "utf8"));
  /** What the image and the compose file set together. */
  const environmentOf = async (name: string): Promise<Record<string, string>> => {
    const dockerfile = await readFile(join(ROOT, "deploy/docker/Dockerfile"), "utf8");
    const pairs = /^ENV (.+)$/m.exec(dockerfile)?.[1]?.split(" ") ?? [];
    return {
      ...Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s, 2))),
      ...serviceOf(name).environment,
    };
  };
  it("publishes on this machine alone what the page names, and nothing else", () => {
    const ports = Object.values(model.services).flatMap(({ ports = [] }) => ports);
    const named = rowsOf(sectionOf("deploying", "Docker Compose")).map(
      ([address = ""]) => new URL(codesIn(address)[0] ?? ""),
    );
    expect(ports.map(({ host_ip, published }) => `${host_ip}:${published}`)).to.have.members(
      named.map(({ host }) => host),
    );
    expect(ports.map(({ target }) => String(target))).to.deep.equal(ports.map(({ published }) => published));
  });

  it("names every image's version, bounds every service's memory, and mounts files that are there", async () => {
    // The versions that the tests have, too.
    expect(serviceOf("s3").image).to.equal(`versity/versitygw:v${TOOLS.versitygw.version}`);
    expect(serviceOf("collector").image).to.equal(`otel/opentelemetry-collector:${TOOLS.collector.version}`);
    const prometheus = TOOLS.promtool.version.replace(/^0\.3(\d\d)\./, "3.$1.");
    expect(serviceOf("prometheus").image).to.equal(`prom/prometheus:v${prometheus}`);
    for (const [name, { image, mem_limit, volumes = [] }] of Object.entries(model.services)) {
      expect(image, name).to.match(/^sluice$|:v?\d+\.\d+(\.\d+)?$/);
      expect(Number(mem_limit), name).to.be.above(0);
      for (const { type, source } of volumes) if (type === "bind") await access(source);
    }
  });

  it("waits for the health of services that have a health check", () => {
    for (const { depends_on = {} } of Object.values(model.services))
      for (const [name, { condition }] of Object.entries(depends_on))
        if (condition === "service_healthy") expect(serviceOf(name), name).to.have.property("healthcheck");
  });

  it("sets what the service takes, and stops it later than it drains", async () => {
    const environment = await environmentOf("sluice");
    expect(findUnknownVariables(environment)).to.deep.equal([]);
    const { drainTimeoutMs } = parseConfig(environment);
    expect(Number.parseInt(serviceOf("sluice").stop_grace_period ?? "", 10) * 1000).to.be.at.least(
      drainTimeoutMs + 5000,
    );
  });

  it("gives PostgreSQL and storage the names and passwords that the service uses", async () => {
    const {
      SLUICE_DATABASE_URL = "",
      AWS_ACCESS_KEY_ID,
      AWS_SECRET_ACCESS_KEY,
      ...environment
    } = await environmentOf("sluice");
    const { username, password, pathname } = new URL(SLUICE_DATABASE_URL);
    expect(serviceOf("postgres").environment).to.deep.equal({
      POSTGRES_USER: username,
      POSTGRES_PASSWORD: password,
      POSTGRES_DB: pathname.slice(1),
    });
    expect((await environmentOf("migrate")).SLUICE_DATABASE_URL).to.equal(SLUICE_DATABASE_URL);
    expect(serviceOf("s3").environment).to.deep.equal({
      ROOT_ACCESS_KEY: AWS_ACCESS_KEY_ID,
      ROOT_SECRET_KEY: AWS_SECRET_ACCESS_KEY,
    });
    expect(environment.SLUICE_TOKEN).to.equal(environment.SLUICE_DEV_TOKEN);
  });

  it("lets Prometheus find the service and its rules", async function () {
    const promtool = await findTool(TOOLS.promtool);
    if (typeof promtool === "string") {
      console.log(`    skipped: ${promtool}`);
      return this.skip();
    }
    for (const { type, source, target } of serviceOf("prometheus").volumes ?? [])
      if (type === "bind") await cp(source, join(directory, target));
    const target = "/etc/prometheus/prometheus.yml";
    await promisify(execFile)(promtool.program, [
      "check",
      "config",
      "--lint=all",
      "--lint-fatal",
      join(directory, target),
    ]);

    const [job] = (await yamlOf("prometheus", target)).scrape_configs;
    const [host, port] = job.static_configs[0].targets[0].split(":");
    // The name that rules and dashboard ask for.
    expect(job.job_name).to.equal("sluice");
    expect(serviceOf("sluice").network_mode).to.equal(`service:${host}`);
    expect((await environmentOf("sluice")).SLUICE_METRICS_LISTEN).to.equal(`0.0.0.0:${port}`);
  });

  it("gives Grafana Prometheus and the dashboard", async () => {
    const { environment = {} } = serviceOf("grafana");
    const { datasources } = await yamlOf("grafana", "/etc/grafana/provisioning/datasources/sluice.yaml");
    const { providers } = await yamlOf("grafana", "/etc/grafana/provisioning/dashboards/sluice.yaml");
    const { hostname, port } = new URL(datasources[0].url);
    expect(serviceOf(hostname).ports?.map(({ target }) => target)).to.deep.equal([Number(port)]);

    const home = environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH ?? "";
    expect(dirname(home)).to.equal(providers[0].options.path);
    const { templating } = JSON.parse(await readFile(fileOf("grafana", home), "utf8"));
    // The dashboard takes the default of its kind.
    expect(datasources).to.have.lengthOf(1);
    expect(datasources[0]).to.include({ type: templating.list[0].query, isDefault: true });
  });

  /** Starts a service of others' by its program, as the compose file would. `listen` is the address that it is told to listen on. */
  const startOther = async (
    name: string,
    { tool, listen, ...recipe }: Pick<ToolRecipe, "tool" | "use" | "onWords"> & { listen: string },
  ): Promise<ToolProcess | string> => {
    const { command, environment = {}, volumes = [] } = serviceOf(name);
    const args = async ({ port, directory }: { port: number; directory: string }) => {
      const toHere = (text: string) => text.replace(listen, `127.0.0.1:${port}`);
      for (const { type, source, target } of volumes) {
        await mkdir(join(directory, type === "bind" ? dirname(target) : target), { recursive: true });
        if (type === "bind") await writeFile(join(directory, target), toHere(await readFile(source, "utf8")));
      }
      const isPath = (word: string) => volumes.some(({ target }) => `${target}/`.startsWith(`${word}/`));
      return (command ?? []).map((word) => (isPath(word) ? join(directory, word) : toHere(word)));
    };
    return await startTool({ tool, env: environment, args, ...recipe });
  };

  it("migrates a database, takes a first upload, and is watched", async function () {
    if ((await findProgram("curl")) === undefined) return this.skip();
    let told = "";
    const collector = await startOther("collector", {
      tool: TOOLS.collector,
      listen: "0.0.0.0:4318",
      use: async (url) => void (await fetch(url)),
      onWords: (text) => {
        told += text;
      },
    });
    const s3 = await startOther("s3", {
      tool: TOOLS.versitygw,
      listen: ":7070",
      use: async (url) => {
        expect((await fetch(`${url}/health`)).status).to.equal(200);
      },
    });
    const stops = [collector, s3].flatMap((started) => (typeof started === "string" ? [] : [() => started.stop()]));
    try {
      if (typeof collector === "string" || typeof s3 === "string") {
        console.log(`    skipped: ${[collector, s3].find((started) => typeof started === "string")}`);
        return this.skip();
      }
      const { POSTGRES_PASSWORD: password = "" } = serviceOf("postgres").environment ?? {};
      const postgres = await startEmbeddedPostgres({ dataDirectory: directory, password, durable: false });
      stops.push(() => postgres.stop());
      const [service, metrics] = [`127.0.0.1:${await findFreePort()}`, `127.0.0.1:${await findFreePort()}`];
      /** What the compose file says, with the addresses that this machine has instead. */
      const toHere = (text: string) =>
        Object.entries({
          "postgres:5432": `127.0.0.1:${postgres.port}`,
          "http://127.0.0.1:7070": s3.url,
          "http://collector:4318": collector.url,
          "127.0.0.1:8080": service,
          "0.0.0.0:8080": service,
          "0.0.0.0:9464": metrics,
        }).reduce((changed, [there, here]) => changed.replaceAll(there, here), text);
      const start = async (name: string, args: string[]) => {
        const values = Object.entries(await environmentOf(name)).map(([key, value]) => [key, toHere(value)]);
        return await startOwn(args, Object.fromEntries(values));
      };

      const migration = await start("migrate", serviceOf("migrate").command ?? []);
      stops.push(migration.stop);
      expect(await migration.end()).to.include("exit code 0");
      const sluice = await start("sluice", ["serve"]);
      stops.push(sluice.stop);
      const read = (url: string) => fetch(url).then((answer) => (answer.ok ? answer.text() : undefined));
      await until("the service is ready", () => read(`http://${service}/readyz`).catch(() => undefined));
      await runTraced(toHere(testedBlock("deploying", "Docker Compose", "sh")));
      expect(await read(`http://${service}/docs`)).to.include("<title>Sluice API</title>");
      expect(await read(`http://${metrics}/metrics`)).to.match(/^sluice_upload_committed_total{/m);
      await until("the collector has the trace of the upload", () => told.includes(` ${TRACE} `));
      await until("the collector has lines of the log", () => told.includes('"otelcol.signal": "logs"'));
    } finally {
      for (const stop of stops.reverse()) await stop();
    }
  });
});

/** A command of Sluice that runs. */
interface OwnProgram {
  /** Resolves, once it has ended, to a sentence that says how, with its last words. */
  end(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts a command of Sluice: in a container of the image where one was built, else as a process. */
async function startOwn(args: string[], env: Record<string, string>): Promise<OwnProgram> {
  const image = await openTestImage();
  if (typeof image === "string") {
    const child = startChild("sluice", MAIN, { args, env: { PATH: process.env.PATH, ...env } });
    return { end: () => child.ended, stop: child.stop };
  }
  const container = await image.run(env, args);
  const end = async () => {
    const { StatusCode } = await container.wait();
    return `sluice ended with exit code ${StatusCode}\n${await wordsOf(container)}`;
  };
  return { end, stop: image.close };
}

/** Runs a script whose calls by curl belong to the trace. */
async function runTraced(script: string): Promise<void> {
  const traced = script.replaceAll("curl ", `curl -H "traceparent: 00-${TRACE}-00f067aa0ba902b7-01" `);
  await promisify(execFile)("bash", ["-euo", "pipefail", "-c", traced], { cwd: ROOT });
}
