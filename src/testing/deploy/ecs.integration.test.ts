import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { generateConfiguration } from "../../aws/generate-configuration.ts";
import { printCloudFormation } from "../../aws/print/print-cloudformation.ts";
import { toEnvironment } from "../../aws/settings/environment.ts";
import { parseSettings } from "../../aws/settings/parse-settings.ts";
import { findUnknownVariables } from "../../config/config-names.ts";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { migrate } from "../../postgres/schema/migrate.ts";
import { findCfnGuard } from "../aws/cfn-guard.ts";
import { findCfnLint } from "../aws/cfn-lint.ts";
import { startDevS3 } from "../rigs/dev-s3.ts";
import { startRdsGate } from "../rigs/rds-gate.ts";
import { startServiceProcess } from "../rigs/service-process.ts";
import { createTlsCertificate } from "../rigs/tls-certificate.ts";
import { startTrustingPostgres } from "../rigs/trusting-postgres.ts";
import { testedBlock } from "../structure/pages.ts";
import { type RenderedStack, renderStack, type StackInput } from "./render-stack.ts";

const fileOf = (name: string) => new URL(`../../../deploy/ecs/${name}.yaml`, import.meta.url);
const SITE = { region: "eu-central-1", account: "111122223333" };
/** What a person decides, as the page about deploying has it. */
const GIVEN: Record<string, string> = Object.fromEntries(
  (JSON.parse(testedBlock("deploying", "From an empty account", "json")) as string[]).map((text) =>
    text.split(/=(.*)/s, 2),
  ),
);
/** What `deploy.sh` reads from the stack of the bucket, by the output that it reads. */
const READ = {
  Bucket: "Bucket",
  BucketRegion: "Region",
  KeyPrefix: "KeyPrefix",
  WriteRoleArn: "WriteRoleArn",
  ReadRoleArn: "ReadRoleArn",
};

interface Container {
  Command?: string[];
  Environment: { Name: string; Value: string }[];
  Secrets: { Name: string; ValueFrom: string }[];
  StopTimeout?: number;
}

describe("deploy/ecs", function () {
  this.timeout(120_000);
  const configuration = generateConfiguration(parseSettings({ ...SITE, bucket: "my-files" }));
  const bucketStack = renderStack(printCloudFormation(configuration.template), {
    ...SITE,
    stackName: "files",
    parameters: {},
    attributes: {
      "WriteRole.Arn": configuration.site.roleArn("write"),
      "ReadRole.Arn": configuration.site.roleArn("read"),
    },
  });
  const read = Object.fromEntries(
    Object.entries(READ).map(([name, output]) => [name, bucketStack.outputs[output] as string]),
  );

  const render = async (
    name: "base" | "service",
    { parameters, ...more }: Partial<StackInput> = {},
  ): Promise<RenderedStack> =>
    renderStack(await readFile(fileOf(name), "utf8"), {
      ...SITE,
      stackName: name === "base" ? "sluice-base" : "sluice",
      parameters: { ...GIVEN, ...read, ...parameters },
      ...more,
    });
  const renderBoth = async ({ port = 5432, parameters = {} } = {}) => {
    const attributes = { "Database.Endpoint.Address": "127.0.0.1", "Database.Endpoint.Port": String(port) };
    const base = await render("base", { attributes, parameters });
    return { base, service: await render("service", { imports: base.exports, parameters }) };
  };
  const containerOf = ({ resources }: RenderedStack, definition: string) =>
    (resources[definition] as { Properties: { ContainerDefinitions: [Container] } }).Properties.ContainerDefinitions[0];
  const environmentOf = ({ Environment }: Container) =>
    Object.fromEntries(Environment.map(({ Name, Value }) => [Name, String(Value)]));

  it("gives the service all that the stack of the bucket and config env say", async () => {
    const { service } = await renderBoth();
    const environment = environmentOf(containerOf(service, "ServiceDefinition"));
    expect(environment).to.include(toEnvironment(configuration));
    expect(findUnknownVariables(environment)).to.deep.equal([]);
    expect(service.resources.ServiceDefinition?.Properties).to.include({
      TaskRoleArn: configuration.site.roleArn("write"),
    });
  });

  it("gives the alarms the topics of the base", async () => {
    const { outputs } = (await renderBoth()).base;
    const { PageTopicArn = "", TicketTopicArn = "" } = outputs;
    const text = await readFile(new URL("../../../deploy/cloudwatch/alarms.yaml", import.meta.url), "utf8");
    const toArn = (topic: string) => `arn:aws:sns:${SITE.region}:${SITE.account}:${topic}`;
    const parameters = { PageTopicArn: toArn(PageTopicArn), TicketTopicArn: toArn(TicketTopicArn) };
    const { resources } = renderStack(text, { ...SITE, stackName: "sluice-alarms", parameters });
    expect(resources.AvailabilityFastBurn?.Properties).to.deep.include({ AlarmActions: [toArn("PageTopic")] });
  });

  it("stops tasks later than the service needs to drain", async () => {
    const container = containerOf((await renderBoth()).service, "ServiceDefinition");
    const drainMs = Number(environmentOf(container).SLUICE_DRAIN_TIMEOUT_MS);
    expect((container.StopTimeout ?? 0) * 1000).to.be.at.least(drainMs + 5000);
  });

  it("starts a service from the rendered tasks that becomes ready, by a token of RDS for the role that the migration made", async function () {
    const certificate = await createTlsCertificate();
    if (certificate === undefined) return this.skip();
    const directory = await mkdtemp(join(tmpdir(), "sluice-test-ecs-"));
    const s3 = await startDevS3({ buckets: ["my-files"] });
    const postgres = await startTrustingPostgres(join(directory, "postgres"));
    const { accessKeyId, secretAccessKey } = s3.endpoint;
    const iamUsers = ["sluice_service"];
    const gate = await startRdsGate(postgres.port, {
      ...{ certificate, credentials: { accessKeyId, secretAccessKey }, region: SITE.region, iamUsers, now: Date.now },
    });
    try {
      const { base, service } = await renderBoth({ port: Number(gate.url.port) });
      const [command, option, serviceRole] = containerOf(base, "MigrationDefinition").Command ?? [];
      expect([command, option]).to.deep.equal(["migrate", "--grant-to"]);
      await migrate({ url: postgres.url, serviceRole });
      const container = containerOf(service, "ServiceDefinition");
      const { SLUICE_DATABASE_URL = "", ...environment } = environmentOf(container);
      expect(container.Secrets.map(({ Name }) => Name)).to.deep.equal(["SLUICE_TOKEN_KEYS"]);
      await writeFile(join(directory, "ca.pem"), certificate.cert);
      const port = await findFreePort();
      // What this machine has in place of AWS: its own addresses, the authority of its database, and the value of the secret.
      const running = await startServiceProcess(
        { ...s3.endpoint, bucket: "my-files" },
        {
          databaseUrl: SLUICE_DATABASE_URL,
          port,
          settings: {
            ...environment,
            SLUICE_LISTEN: `127.0.0.1:${port}`,
            SLUICE_DATABASE_CA: join(directory, "ca.pem"),
            SLUICE_TOKEN_KEYS: `["${"k".repeat(64)}"]`,
            OTEL_SDK_DISABLED: "true",
          },
        },
      );
      try {
        expect(gate.seen.logins).to.be.above(0);
      } finally {
        expect(await running.stop()).to.equal(0);
      }
    } finally {
      await gate.stop();
      await postgres.stop();
      await s3.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });

  it("refuses a missing parameter, a value of the wrong form, and a region without the bucket", async () => {
    const refusalOf = (work: Promise<unknown>) =>
      work.then(
        () => "",
        (error: Error) => error.message,
      );
    const { Image: _, ...rest } = GIVEN;
    const text = await readFile(fileOf("base"), "utf8");
    expect(() => renderStack(text, { ...SITE, stackName: "s", parameters: { ...rest, ...read } })).to.throw(
      "Parameters: [Image] must have values",
    );
    for (const parameters of [
      { PublicUrl: "http://files.example.com" },
      { OidcIssuers: "[]" },
      { CertificateArn: "mine" },
    ]) {
      const [name] = Object.keys(parameters);
      expect(await refusalOf(renderBoth({ parameters }))).to.include(`Parameter ${name} failed`);
    }
    expect(await refusalOf(render("base", { region: "eu-west-1" }))).to.equal(
      "deploy this stack in the region of the bucket",
    );
  });

  it("keeps the rules of this project's own templates", async function () {
    const guard = await findCfnGuard();
    if (typeof guard === "string") {
      console.log(`    skipped: ${guard}`);
      return this.skip();
    }
    const rules = fileURLToPath(new URL("../../aws/sluice.guard", import.meta.url));
    const paths = ["base", "service"].map((name) => fileURLToPath(fileOf(name)));
    expect(await guard.validate(paths, { rules })).to.deep.equal([]);
  });

  it("passes cfn-lint", async function () {
    const linter = await findCfnLint();
    if (typeof linter === "string") {
      console.log(`    skipped: ${linter}`);
      return this.skip();
    }
    const paths = ["base", "service"].map((name) => fileURLToPath(fileOf(name)));
    expect(await linter.lint(paths, SITE)).to.deep.equal([]);
  });
});
