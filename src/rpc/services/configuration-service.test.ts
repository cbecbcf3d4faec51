import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { ConfigurationFormat, ConfigurationService } from "../../../gen/sluice/v1/configuration_service_pb.ts";
import { generateFromSettings } from "../../aws/generate-from-settings.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";

const SETTINGS = 'bucket: my-files\nregion: eu-central-1\naccount: "111122223333"\n';

describe("ConfigurationService", () => {
  let server: ApiServer;

  before(async () => {
    server = await openApiServer({
      configurations: { generateConfiguration: async (request) => generateFromSettings(request) },
    });
  });

  after(async () => {
    await server.close({ graceMs: 0 });
  });

  const client = () =>
    createClient(ConfigurationService, createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" }));
  const options = { headers: { authorization: `Bearer ${API_TOKEN}` } };
  const failure = async (request: Parameters<ReturnType<typeof client>["generateConfiguration"]>[0]) =>
    ConnectError.from(
      await client()
        .generateConfiguration(request, options)
        .catch((error) => error),
    );

  it("answers with the template, what it means and the environment", async () => {
    const answer = await client().generateConfiguration({ settings: SETTINGS, services: ["sqs"] }, options);
    expect(answer.content).to.contain("BucketName: my-files\n").and.to.contain("SqsQueue:");
    expect(answer.explanation).to.match(/^Bucket my-files\n/);
    expect(answer.environment).to.include({ SLUICE_S3_BUCKET: "my-files", SLUICE_S3_REGION: "eu-central-1" });
  });

  it("prints every format, and all services when asked for", async () => {
    const formats = [ConfigurationFormat.TERRAFORM_JSON, ConfigurationFormat.PLAIN_POLICIES];
    for (const format of formats) {
      const { content } = await client().generateConfiguration({ settings: SETTINGS, format }, options);
      expect(JSON.parse(content)).to.be.an("object");
    }
    const { content } = await client().generateConfiguration({ settings: SETTINGS, allServices: true }, options);
    expect(content).to.contain("FirehoseRole:").and.to.contain("SqsQueue:");
  });

  it("makes a minimal file, and refuses one of all services", async () => {
    const request = { settings: SETTINGS, minimal: true };
    const { content } = await client().generateConfiguration({ ...request, services: ["lambda"] }, options);
    expect(content).to.contain("LambdaRole:").and.to.not.contain("WriteRole:");
    const error = await failure({ ...request, allServices: true });
    expect(error.rawMessage).to.contain("a minimal file of all services is asked for");
  });

  it("says all that is wrong with the settings, with line and column", async () => {
    const error = await failure({ settings: "bucket: My_Files\nregion: eu-central-1\nacount: 1\n" });
    expect(error.code).to.equal(Code.InvalidArgument);
    expect(error.rawMessage.split("\n")).to.have.members([
      `settings:1:1: bucket "My_Files": a bucket's name has small letters, digits, dots and hyphens, and begins and ends with a letter or digit`,
      "settings:1:1: account is missing",
      'settings:3:1: acount is no setting; did you mean "account"?',
    ]);
  });

  it("refuses too many services and a format that does not exist", async () => {
    const many = await failure({ settings: SETTINGS, services: Array(101).fill("sqs") });
    expect(many.rawMessage).to.equal("services has 101 names; 100 is the limit");
    const long = await failure({ settings: SETTINGS, services: ["s".repeat(101)] });
    expect(long.rawMessage).to.equal("a name in services has 101 characters; 100 is the limit");
    const strange = await failure({ settings: SETTINGS, format: 9 as ConfigurationFormat });
    expect(strange.rawMessage).to.equal("there is no format 9; 0 to 3 are known");
  });

  it("refuses settings of more than 64 KiB", async () => {
    const most = `${SETTINGS}#${" ".repeat(64 * 1024 - SETTINGS.length - 3)}\u00e4`;
    expect((await client().generateConfiguration({ settings: most }, options)).content).to.contain("my-files");
    const error = await failure({ settings: `${most}\n` });
    expect(error.rawMessage).to.equal("settings has 65537 bytes; 65536 is the limit");
  });

  it("needs the token", async () => {
    const error = await client().generateConfiguration({ settings: SETTINGS }).catch(ConnectError.from);
    expect((error as ConnectError).code).to.equal(Code.Unauthenticated);
  });
});
