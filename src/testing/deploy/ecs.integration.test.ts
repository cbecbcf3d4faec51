import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { toEnvironment } from "../../aws/settings/environment.ts";
import { findUnknownVariables } from "../../config/config-names.ts";
import { findCfnGuard } from "../aws/templates/cfn-guard.ts";
import { testedBlock } from "../structure/pages.ts";
import { BUCKET_CONFIGURATION, renderBucketStack, SITE } from "./bucket-stack.ts";
import { type RenderedStack, renderStack, type StackInput } from "./render-stack.ts";
import { runDeployed } from "./run-deployed.ts";

const fileOf = (name: string) => new URL(`../../../deploy/ecs/${name}.yaml`, import.meta.url);
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

describe("deploy/ecs", () => {
  const bucketStack = renderBucketStack();
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
    expect(environment).to.include(toEnvironment(BUCKET_CONFIGURATION));
    expect(findUnknownVariables(environment)).to.deep.equal([]);
    expect(service.resources.ServiceDefinition?.Properties).to.include({
      TaskRoleArn: BUCKET_CONFIGURATION.site.roleArn("write"),
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

  it("lets another security group reach the database where one is named", async () => {
    expect((await renderBoth()).base.resources).not.to.have.property("DatabaseClients");
    const { base } = await renderBoth({ parameters: { ClientGroup: "sg-0123456789abcdef0" } });
    expect(base.resources.DatabaseClients?.Properties).to.include({
      GroupId: "DatabaseGroup",
      SourceSecurityGroupId: "sg-0123456789abcdef0",
      FromPort: 5432,
    });
  });

  it("starts a service from the rendered tasks that becomes ready, by a token of RDS for the role that the migration made", async function () {
    const run = await runDeployed({
      region: SITE.region,
      renderFor: async (port) => {
        const { base, service } = await renderBoth({ port });
        const container = containerOf(service, "ServiceDefinition");
        expect(container.Secrets.map(({ Name }) => Name)).to.deep.equal(["SLUICE_TOKEN_KEYS"]);
        return {
          migrationArgs: containerOf(base, "MigrationDefinition").Command ?? [],
          environment: environmentOf(container),
        };
      },
    });
    if (run === undefined) return this.skip();
    expect(run.exitCode).to.equal(0);
    expect(run.logins).to.be.above(0);
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
});
