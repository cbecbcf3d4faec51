import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { type DevStsServer, type StsIdentity, startDevSts } from "../../devstack/sts-server.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { type RunningService, startService } from "../../testing/rigs/service/running-service.ts";
import { SAMPLE_ACCOUNT, SAMPLE_ROLE } from "../../testing/samples/sample-sts-identities.ts";
import { testedBlock } from "../../testing/structure/pages.ts";
import { runCli, type ServerCommands } from "../program.ts";

const SERVER_ID = "files.example.org";
const OPS: StsIdentity = {
  ...{ accessKeyId: "ASIAEXAMPLEOPS000000", secretAccessKey: "secret-of-ops", sessionToken: "b3Bz" },
  ...{ arn: `arn:aws:sts::${SAMPLE_ACCOUNT}:assumed-role/ops/anna`, account: SAMPLE_ACCOUNT },
};

const SETTINGS = {
  ...{ SLUICE_AUTH: "iam", SLUICE_IAM_ACCOUNTS: SAMPLE_ACCOUNT, SLUICE_IAM_SERVER_ID: SERVER_ID },
  SLUICE_ADMINS: `iam:arn:aws:sts::${SAMPLE_ACCOUNT}:assumed-role/ops`,
};

describe("sluice with the role of a task or a pod", () => {
  let sts: DevStsServer;
  let service: RunningService;
  /** The endpoint by which ECS, and EKS Pod Identity, give a container its role's credentials. */
  let container: Server;
  let directory: string;

  before(async () => {
    sts = await startDevSts();
    for (const identity of [SAMPLE_ROLE, OPS]) sts.identities.set(identity.accessKeyId, identity);
    container = createServer((request, response) => {
      const identity = request.url === "/ops" ? OPS : SAMPLE_ROLE;
      const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token } = identity;
      const Expiration = fromNow(3_600_000).toISOString();
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ AccessKeyId, SecretAccessKey, Token, Expiration }));
    });
    await new Promise<void>((resolve) => container.listen(0, "127.0.0.1", resolve));
    service = await startService({ settings: { ...SETTINGS, SLUICE_DEV_TOKEN: "", AWS_ENDPOINT_URL_STS: sts.url } });
    directory = await mkdtemp(join(tmpdir(), "sluice-iam-"));
    await writeFile(join(directory, "report.pdf"), "a report");
  });
  after(async () => {
    await service?.stop();
    await sts?.close();
    container?.closeAllConnections();
    container?.close();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  const run = async (
    role: "ops" | "uploader",
    args: readonly string[],
    overrides: Record<string, string | undefined> = {},
  ) => {
    const { port } = container.address() as AddressInfo;
    const env = {
      ...{ PATH: process.env.PATH, HOME: directory, SLUICE_URL: service.url, SLUICE_AUTH: "iam" },
      ...{ SLUICE_IAM_SERVER_ID: SERVER_ID, AWS_REGION: "eu-central-1", AWS_ENDPOINT_URL_STS: sts.url },
      ...{ AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/${role}`, AWS_EC2_METADATA_DISABLED: "true" },
      ...overrides,
    };
    const before = process.env;
    // The AWS SDK's chain of credentials reads the environment of the process.
    process.env = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
    try {
      const [stdout, stderr, stdin] = [captureText(), captureText(), new PassThrough().end()];
      const { signal } = new AbortController();
      const terminal = { stdout, stderr, stdin, env: process.env, signal };
      const code = await runCli(args, terminal, {} as ServerCommands);
      return { code, out: stdout.text(), err: stderr.text() };
    } finally {
      process.env = before;
    }
  };

  /** Runs a block of docs/security.md: its exports are the environment, and its commands are run one after the other. */
  const runBlock = async (
    role: "ops" | "uploader",
    block: string,
    overrides: Record<string, string | undefined> = {},
  ) => {
    const exported = Object.fromEntries(
      [...block.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    const commands = [...block.matchAll(/^npx sluice (.*)$/gm)].map(([, command = ""]) => command.split(" "));
    expect(commands).to.have.lengthOf(1);
    const args = commands[0]?.map((word) => (word === "report.pdf" ? join(directory, word) : word)) ?? [];
    return await run(role, args, { ...exported, ...overrides, SLUICE_URL: service.url });
  };

  it("starts the service by the variables of the page", () => {
    const block = testedBlock("security", "AWS roles", "sh");
    for (const [, name = "", value] of block.matchAll(/^export (\w+)=(.*)$/gm))
      if (name !== "NODE_ENV") expect(SETTINGS, name).to.have.property(name, value);
  });

  it("leads from a task's role, and from Pod Identity, to a first upload", async () => {
    const upload = testedBlock("security", "From an ECS task to a first upload", "sh");
    expect(await runBlock("uploader", upload)).to.include({ code: 1 });
    const grant = testedBlock("security", "From an ECS task to a first upload", "sh admin");
    expect(await runBlock("ops", grant)).to.include({ code: 0 });
    expect(await runBlock("uploader", upload)).to.include({ code: 0 });
    const list = await run("uploader", ["ls", "--auth", "iam"], { SLUICE_AUTH: undefined, SLUICE_TOKEN: "stale" });
    expect(list.out).to.contain("report.pdf");
  });

  it("leads from a service account's token to a first upload", async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = SAMPLE_ROLE;
    await writeFile(join(directory, "account-token"), "a.b.c");
    sts.override = (request, response) => {
      sts.override = undefined;
      expect(request.method).to.equal("POST");
      response.setHeader("content-type", "text/xml").end(
        `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
          <Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>
          <SessionToken>${sessionToken}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
          </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
      );
    };
    const upload = testedBlock("security", "From an EKS service account to a first upload", "sh");
    const byAccount = {
      ...{
        AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined,
        AWS_ROLE_ARN: `arn:aws:iam::${SAMPLE_ACCOUNT}:role/uploader`,
      },
      AWS_WEB_IDENTITY_TOKEN_FILE: join(directory, "account-token"),
    };
    expect(await runBlock("uploader", upload, byAccount)).to.include({ code: 0 });
    expect(sts.override, "STS gave the credentials").to.equal(undefined);
  });

  it("names the roles that it grants, and others by the beginning of their names", async () => {
    const member = `iam:arn:aws:sts::${SAMPLE_ACCOUNT}:assumed-role/ci-*`;
    expect(await run("ops", ["grants", "add", "default", member, "reader"])).to.include({ code: 0 });
    expect((await run("ops", ["grants", "get", "default"])).out).to.contain(member);
  });

  it("says what is missing or wrong before it connects", async () => {
    for (const [overrides, problem] of [
      [{ SLUICE_IAM_SERVER_ID: "" }, "SLUICE_IAM_SERVER_ID is not set"],
      [{ AWS_REGION: "" }, "AWS_REGION is not set"],
      [{ AWS_REGION: "mars-north-1" }, '"mars-north-1" is no region'],
      [{ AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined }, "there are no AWS credentials to sign with"],
    ] as const) {
      const { code, err } = await run("uploader", ["ls"], overrides);
      expect([code, err.includes(problem)], err).to.deep.equal([2, true]);
    }
  });

  it("says whose name a token must be signed for", async () => {
    const { code, err } = await run("uploader", ["ls"], { SLUICE_IAM_SERVER_ID: "other.example.org" });
    expect([code, err.includes("SLUICE_IAM_SERVER_ID")], err).to.deep.equal([1, true]);
  });
});
