import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { generateConfiguration } from "../../aws/generate-configuration.ts";
import { SERVICES } from "../../aws/services/services.ts";
import { parseSettings } from "../../aws/settings/parse-settings.ts";
import { parseConfig } from "../../config/config.ts";
import { ENVIRONMENT } from "../../config/config-environment.ts";
import { SMALLEST_SETTINGS } from "../../testing/aws/golden-settings.ts";
import { toLiveSite } from "../../testing/aws/live/live-site.ts";
import { startScriptedAccessAnalyzer } from "../../testing/aws/live/scripted-access-analyzer.ts";
import { startScriptedCloudControl } from "../../testing/aws/live/scripted-cloud-control.ts";
import { sampleRemark } from "../../testing/contracts/aws/policy-analyzer-contract.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { AWS_STEPS, runCli } from "../program.ts";
import { CONFIG_COMMANDS } from "./config-actions.ts";

const PLACE = ["--bucket", "my-files", "--region", "eu-central-1", "--account", "111122223333"];
/** Variables that the service needs beside the bucket's own. */
const SERVICE = {
  SLUICE_DATABASE_URL: "postgres://user:secret@127.0.0.1:5432/sluice",
  SLUICE_AUTH: "dev",
  SLUICE_DEV_TOKEN: "token-token",
};

describe("sluice config", () => {
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-config-"));
  });

  after(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  async function run(...args: string[]) {
    const [stdout, stderr] = [captureText(), captureText()];
    const server = {
      config: async () => CONFIG_COMMANDS,
      serve: async () => {},
      migrate: async () => {},
      doctor: async () => true,
      reconcile: async () => true,
    };
    const { signal } = new AbortController();
    const code = await runCli(
      ["config", ...args],
      { stdout, stderr, stdin: new PassThrough(), env: {}, signal },
      server,
    );
    return { code, out: stdout.text(), err: stderr.text() };
  }

  const fileOf = async (text: string, name = "given.yaml") => {
    const path = join(directory, name);
    await writeFile(path, text);
    return path;
  };

  describe("generate", () => {
    it("prints the whole template from flags alone", async () => {
      const { code, out, err } = await run("generate", "--all", ...PLACE);
      expect({ code, err }).to.deep.equal({ code: 0, err: "" });
      expect(out)
        .to.match(/^# Made by `sluice config generate`/)
        .and.to.contain("BucketName: my-files\n");
      expect(out.split("\n")[2]).to.contain("AWS services connected:");
    });

    it("gives the same bytes for the same settings, however the services are ordered", async () => {
      const one = await run("generate", "--services", "sqs,firehose", ...PLACE);
      const two = await run("generate", "--services", "firehose,sqs", ...PLACE);
      expect(one.out).to.equal(two.out);
    });

    it("prints Terraform's JSON and the plain policies", async () => {
      const terraform = JSON.parse((await run("generate", "--format", "terraform-json", ...PLACE)).out);
      expect(terraform.resource.awscc_s3_bucket.data_bucket.bucket_name).to.equal("my-files");
      const policies = JSON.parse((await run("generate", "--format", "plain-policies", ...PLACE)).out);
      expect(policies.buckets).to.have.keys("my-files", "my-files-logs");
      expect(policies.roles["my-files-write"]).to.have.keys("trust", "access");
    });

    it("prints the template that takes an existing bucket into a stack", async () => {
      const { out } = await run("generate", "--import", ...PLACE);
      expect(out).to.contain("DataBucket:").and.to.contain("DeletionPolicy: Retain\n");
      expect(out).not.to.contain("LogBucket:").and.not.to.contain("DataBucketPolicy:");
      expect((await run("generate", "--import", "policy", ...PLACE)).out).to.contain("DataBucketPolicy:");
      expect((await run("generate", "--import", "retained", ...PLACE)).out).to.contain("LogBucketPolicy:");
    });

    it("lists what a change set is to import", async () => {
      const { out } = await run("generate", "--import", "policy", "--resources-to-import", ...PLACE);
      expect(JSON.parse(out)).to.deep.equal([
        {
          ResourceType: "AWS::S3::Bucket",
          LogicalResourceId: "DataBucket",
          ResourceIdentifier: { BucketName: "my-files" },
        },
        {
          ResourceType: "AWS::S3::BucketPolicy",
          LogicalResourceId: "DataBucketPolicy",
          ResourceIdentifier: { Bucket: "my-files" },
        },
      ]);
      const alone = await run("generate", "--resources-to-import", ...PLACE);
      expect(alone).to.include({ code: 2, out: "" });
      expect(alone.err).to.contain("say both");
    });

    it("takes a list with spaces, and refuses a list beside all", async () => {
      const one = await run("generate", "--services", "sqs, firehose ,", ...PLACE);
      expect(one).to.include({ code: 0 });
      expect(one.out).to.equal((await run("generate", "--services", "sqs,firehose", ...PLACE)).out);
      const both = await run("generate", "--all", "--services", "lambda", ...PLACE);
      expect(both).to.include({ code: 2, out: "" });
      expect(both.err).to.contain("all services and lambda are asked for");
    });

    it("prints a minimal file, and refuses one of all services", async () => {
      const { code, out } = await run("generate", "--minimal", "--services", "lambda", ...PLACE);
      expect(code).to.equal(0);
      expect(out).to.contain("LambdaRole:").and.to.not.contain("LogBucket:").and.to.not.contain("WriteRole:");
      const both = await run("generate", "--minimal", "--all", ...PLACE);
      expect(both).to.include({ code: 2, out: "" });
      expect(both.err).to.contain("a minimal file of all services is asked for");
    });

    it('prints to standard output what is to be written to "-"', async () => {
      const here = process.cwd();
      process.chdir(directory);
      try {
        const { out } = await run("generate", "--output", "-", ...PLACE);
        expect(out).to.contain("BucketName: my-files\n");
        expect((await run("generate", "--output", "-", ...PLACE)).out).to.equal(out);
        expect(await readdir(directory)).to.not.include("-");
      } finally {
        process.chdir(here);
      }
    });

    it("lets flags go before the file, and the file switch a service off", async () => {
      const config = await fileOf(
        'bucket: other\nregion: eu-west-1\naccount: "000000000001"\nservices: {sqs: false}\n',
      );
      const { out } = await run("generate", "--config", config, "--all", "--bucket", "my-files");
      expect(out).to.contain("BucketName: my-files\n").and.to.contain('"000000000001"');
      expect(out).to.contain("FirehoseRole:").and.not.to.contain("SqsQueue:");
      const named = await run("generate", "--config", config, "--services", "sqs");
      expect(named.out).to.contain("SqsQueue:");
    });

    it("writes a file, and overwrites it only when told to", async () => {
      const output = join(directory, "template.yaml");
      expect(await run("generate", "--output", output, ...PLACE)).to.include({
        code: 0,
        out: "",
        err: `wrote ${output}\n`,
      });
      const again = await run("generate", "--output", output, "--services", "sqs", ...PLACE);
      expect(again).to.deep.equal({
        code: 2,
        out: "",
        err: `sluice: ${output} is there already; --force overwrites it\n`,
      });
      expect(await readFile(output, "utf8")).not.to.contain("SqsQueue:");
      expect(await run("generate", "--output", output, "--services", "sqs", "--force", ...PLACE)).to.include({
        code: 0,
      });
      expect(await readFile(output, "utf8")).to.contain("SqsQueue:");
      const nowhere = await run("generate", "--output", join(directory, "no", "where.yaml"), ...PLACE);
      expect(nowhere).to.include({
        code: 2,
        err: `sluice: ${join(directory, "no", "where.yaml")} cannot be written: ENOENT\n`,
      });
    });
  });

  it("makes a file by the steps that --help begins with", async () => {
    const here = process.cwd();
    const fresh = await mkdtemp(join(tmpdir(), "sluice-steps-"));
    process.chdir(fresh);
    try {
      const steps = AWS_STEPS.match(/(?<=^ {2}\$ sluice config ).*?(?= {2})/gm) ?? [];
      expect(steps).to.have.length(3);
      for (const step of steps) expect(await run(...step.trim().split(" ")), step).to.include({ code: 0 });
      expect(await readFile(join(fresh, "template.yaml"), "utf8")).to.contain("BucketName: my-files\n");
    } finally {
      process.chdir(here);
      await rm(fresh, { recursive: true, force: true });
    }
  });

  describe("bad settings", () => {
    it("names the service that was meant", async () => {
      const { code, err } = await run("generate", "--services", "athina,firehose", ...PLACE);
      expect(code).to.equal(2);
      expect(err).to.match(/^sluice: there is no AWS service "athina" to switch on; did you mean "athena"\?\n$/);
    });

    it("says line and column of an unknown key, of a wrong value and of what is no YAML", async () => {
      const typo = await fileOf(
        'bucket: my-files\nregion: eu-central-1\naccount: "111122223333"\nlifecycle:\n  noncurentDays: 3\n',
      );
      expect((await run("generate", "--config", typo)).err).to.match(
        /given.yaml:5:3: lifecycle.noncurentDays is no setting/,
      );
      const value = await fileOf("bucket: my-files\nregion: eu-central-1\naccount: 111122223333\n");
      expect((await run("generate", "--config", value)).err).to.match(/given.yaml:3:1: .*12 digits in quotes/);
      const broken = await fileOf("bucket: [my-files\nregion: x\n");
      expect((await run("generate", "--config", broken)).err).to.match(/given.yaml:\d+:\d+: /);
      const list = await fileOf("- bucket\n");
      expect((await run("generate", "--config", list)).err).to.match(/given.yaml:1:1: settings are names with values/);
      const twice = await fileOf("bucket: a-bucket\nbucket: b-bucket\n");
      expect((await run("generate", "--config", twice)).err).to.match(/given.yaml:2:1: Map keys must be unique/);
    });

    it("says so when there are no settings at all, or the file is not there", async () => {
      const here = process.cwd();
      process.chdir(directory);
      try {
        expect((await run("generate")).err).to.match(/^sluice: there is no sluice.aws.yaml here; make one with/);
      } finally {
        process.chdir(here);
      }
      const missing = await run("generate", "--config", join(directory, "missing.yaml"));
      expect(missing.err).to.contain("missing.yaml cannot be read: there is no such file");
      expect((await run("generate", "--config", directory)).err).to.contain("cannot be read: EISDIR");
    });

    it("refuses a settings file of more than 64 KiB, and one that unfolds", async () => {
      const long = await fileOf(`# ${"x".repeat(64 * 1024)}\n`);
      expect((await run("generate", "--config", long)).err).to.match(/65536 is the limit/);
      const steps = Array.from({ length: 12 }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}, *a${at}]`);
      const bomb = await fileOf(`a0: &a0 [x]\n${steps.join("\n")}\n`);
      expect((await run("generate", "--config", bomb)).err).to.match(/has more than 100 aliases/);
    });
  });

  describe("init", () => {
    it("prints settings that are accepted as they are, with every service", async () => {
      const { out } = await run("init");
      for (const { name } of SERVICES) expect(out).to.contain(`\n  ${name}: false\n`);
      const { code } = await run("generate", "--config", await fileOf(out));
      expect(code).to.equal(0);
    });

    it("prints every option of every service, commented out, which are accepted once they are not", async () => {
      const { out } = await run("init");
      for (const { name, options } of SERVICES) {
        const keys = Object.keys(options.shape);
        if (keys.length === 0) continue;
        const [, block = ""] = new RegExp(`\\n  # ${name}:\\n((?:  #   .*\\n)+)`).exec(out) ?? [];
        expect(block.match(/(?<=^ {2}# {3})\w+(?=: )/gm), name).to.deep.equal(keys);
        const said = block.replaceAll(/^ {2}# {3}/gm, "    ");
        // A key of replicas is for files that have a key as well.
        const base = name === "replication" ? out.replace(/^# encryption: .*$/m, "encryption: kms") : out;
        const config = await fileOf(base.replace(`\n  ${name}: false\n`, `\n  ${name}:\n${said}`));
        const { code, err } = await run("generate", "--config", config);
        expect({ code, err }, name).to.deep.equal({ code: 0, err: "" });
      }
    });

    it("prints defaults that are accepted, too", async () => {
      const { out } = await run("init");
      const uncommented = out.replaceAll(/^# (\w+): (.+)$/gm, "$1: $2");
      const plain = await run("generate", "--config", await fileOf(out));
      const said = await run("generate", "--config", await fileOf(uncommented));
      expect(said).to.deep.equal(plain);
      expect(uncommented).not.to.equal(out);
    });
  });

  describe("import", () => {
    const answersOf = async (name: string, answers: Readonly<Record<string, unknown>>) => {
      const folder = join(directory, name);
      await mkdir(folder);
      for (const [file, answer] of Object.entries(answers)) await writeFile(join(folder, file), JSON.stringify(answer));
      return folder;
    };

    it("prints settings that keep what the bucket has, and first what the template replaces", async () => {
      const Statement = [
        {
          Sid: "Reports",
          Effect: "Allow",
          Principal: { AWS: "arn:aws:iam::444455556666:role/reports" },
          Action: "s3:GetObject",
          Resource: "arn:aws:s3:::my-files/reports/*",
        },
      ];
      const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
      const from = await answersOf("kept", { "get-bucket-policy.json": { Policy } });
      const settings = await fileOf('# Ours\nbucket: my-files\nregion: eu-central-1\naccount: "111122223333"\n');
      const { code, out, err } = await run("import", "--config", settings, "--from", from);
      expect(code).to.equal(0);
      expect(err)
        .to.contain("the template replaces this of bucket my-files:\n")
        .and.to.contain("  encryption is set, whatever it was: the files do not tell\n");
      expect(out).to.contain("# Ours\n").and.to.contain("Sid: Reports");
      const template = await run("generate", "--config", await fileOf(out, "with-existing.yaml"));
      expect(template.out).to.contain("Sid: Reports").and.to.contain("Sid: DenyPlaintext");
    });

    it("writes nothing when the bucket has what cannot be kept", async () => {
      const rule = { ID: "all", Filter: {}, Status: "Enabled", Expiration: { Days: 1 } };
      const from = await answersOf("harm", { "get-bucket-lifecycle-configuration.json": { Rules: [rule] } });
      const output = join(directory, "never.yaml");
      const { code, out, err } = await run("import", "--from", from, "--output", output, ...PLACE);
      expect({ code, out }).to.deep.equal({ code: 2, out: "" });
      expect(err).to.contain("existing.lifecycleRules.0 (all): it would delete files of Sluice");
      expect(existsSync(output)).to.equal(false);
    });

    it("says which files it looks for, and which is none", async () => {
      const empty = await run("import", "--from", await answersOf("empty", {}), ...PLACE);
      expect(empty.code).to.equal(2);
      expect(empty.err).to.contain("has none of the files get-bucket-policy.json, ");
      const from = await answersOf("wrong", { "get-bucket-policy.json": "no" });
      const wrong = await run("import", "--from", from, ...PLACE);
      expect(wrong.err).to.contain("get-bucket-policy.json is no answer of aws s3api get-bucket-policy");
    });

    it("imports nothing when the bucket cannot be read", async () => {
      const before = { ...process.env };
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" });
      try {
        const { code, out, err } = await run("import", "--endpoint", "http://127.0.0.1:9", ...PLACE);
        expect({ code, out }).to.deep.equal({ code: 1, out: "" });
        expect(err).to.contain("nothing is imported, because the bucket would lose what it has: no useful answer");
      } finally {
        process.env = before;
      }
    });
  });

  describe("verify", () => {
    const credentials = { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" };
    const nowhere = ["--endpoint", "http://127.0.0.1:9"];
    let before: NodeJS.ProcessEnv;

    beforeEach(() => {
      before = { ...process.env };
      Object.assign(process.env, credentials);
    });

    afterEach(() => {
      process.env = before;
    });

    it("ends with 1 and says what could not be read, and what that endpoint does not have", async () => {
      const { code, out } = await run("verify", ...nowhere, ...PLACE);
      expect(code).to.equal(1);
      expect(out)
        .to.contain("bucket my-files\n  UNREADABLE")
        .and.to.match(/\d+ unreadable, \d+ unsupported here\n/)
        .and.to.match(/\n {2}not read, as said above: bucket my-files-logs, bucket my-files\n/)
        .and.to.match(/\n {2}unsupported here: role my-files-write, .*\n$/);
    });

    it("prints a line of JSON for each check", async () => {
      const { out } = await run("verify", "--json", ...nowhere, ...PLACE);
      const findings = out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(findings.map(({ type }) => type)).to.include("finding");
      expect(findings.find(({ resource }) => resource === "bucket my-files")).to.include({ status: "unreadable" });
    });

    it("has the policies validated by the Access Analyzer that is named, and tells suggestions in JSON alone", async () => {
      const server = await startScriptedAccessAnalyzer();
      try {
        server.remark("DenyStalePresignedUrls", [sampleRemark(1, "SECURITY_WARNING"), sampleRemark(2, "SUGGESTION")]);
        const asked = [...nowhere, "--access-analyzer-endpoint", server.url, ...PLACE];
        const words = await run("verify", ...asked);
        expect(words.code).to.equal(1);
        expect(words.out)
          .to.contain("policy of bucket my-files\n  FLAGGED validation RULE_1\n")
          .and.to.contain(", 1 flagged, ")
          .and.to.not.contain("RULE_2");
        const json = await run("verify", "--json", ...asked);
        expect(json.out).to.contain("validation RULE_1").and.to.contain("validation RULE_2");
      } finally {
        await server.stop();
      }
    });

    it("goes on with credentials that may read half of it, and names the permissions for the other half", async () => {
      const server = await startScriptedCloudControl();
      try {
        const services = { sqs: true, sns: true };
        const { resources } = toLiveSite(generateConfiguration(parseSettings({ ...SMALLEST_SETTINGS, services })));
        server.deploy(resources);
        server.refuse(({ body }) =>
          body.TypeName?.startsWith("AWS::SQS::")
            ? {
                status: 400,
                type: "AccessDeniedException",
                message: `User: arn:aws:iam::111122223333:user/half is not authorized to perform: sqs:GetQueueAttributes on resource: ${body.Identifier}`,
              }
            : undefined,
        );
        const half = ["--cloud-control-endpoint", server.url, "--services", "sqs,sns"];
        const { code, out } = await run("verify", ...nowhere, ...half, ...PLACE);
        expect(code).to.equal(1);
        expect(out).to.contain(
          "\n  not read, without sqs:GetQueueAttributes: queue my-files-sns-undelivered, policy of queue my-files-sns-undelivered, queue my-files-files-undelivered, policy of queue my-files-files-undelivered, queue my-files-files, policy of queue my-files-files\n",
        );
        expect(out).to.not.contain("DRIFT").and.to.not.contain("topic my-files-files");
        const json = (await run("verify", "--json", ...nowhere, ...half, ...PLACE)).out.trim().split("\n");
        const findings = json.map((line) => JSON.parse(line));
        expect(findings.find(({ resource }) => resource === "queue my-files-files")).to.deep.include({
          status: "unreadable",
          permissions: ["sqs:GetQueueAttributes"],
        });
        expect(
          findings.filter(({ resource }) => resource === "rule my-files-sqs").map(({ status }) => status),
        ).to.include("ok");
      } finally {
        await server.stop();
      }
    });

    it("says so when there are no credentials", async () => {
      for (const name of Object.keys(credentials)) delete process.env[name];
      Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: "true", AWS_CONFIG_FILE: directory });
      Object.assign(process.env, { AWS_SHARED_CREDENTIALS_FILE: directory });
      const { code, err } = await run("verify", ...nowhere, ...PLACE);
      expect({ code, err }).to.deep.equal({
        code: 1,
        err: "sluice: no AWS credentials were found; assume the verify role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n",
      });
    });
  });

  it("env prints variables that the service knows", async () => {
    const { out } = await run("env", ...PLACE);
    const names = out
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0]);
    expect(names).to.include.members(["SLUICE_S3_BUCKET", "SLUICE_S3_REGION", "SLUICE_S3_KEY_PREFIX"]);
    expect(Object.keys(ENVIRONMENT)).to.include.members(names);
    expect(out).to.contain("SLUICE_S3_KEY_PREFIX=files/\n");
    expect(out).to.contain("SLUICE_S3_READ_ROLE_ARN=arn:aws:iam::111122223333:role/my-files-read\n");
    const variables = out
      .trim()
      .split("\n")
      .map((line) => line.split("=", 2));
    expect(parseConfig({ ...SERVICE, ...Object.fromEntries(variables) }).s3.region).to.equal("eu-central-1");
  });

  it("env lets no URL live longer than the bucket takes it", async () => {
    const secondsOf = async (ageSecondsMax: number, kind = "DOWNLOAD") => {
      const place = 'bucket: my-files\nregion: eu-central-1\naccount: "111122223333"\n';
      const config = await fileOf(`${place}presign: {ageSecondsMax: ${ageSecondsMax}}\n`);
      return new RegExp(`SLUICE_${kind}_URL_MAX_SECONDS=(\\d+)\n`).exec(
        (await run("env", "--config", config)).out,
      )?.[1];
    };
    expect(await secondsOf(60)).to.equal("60");
    expect(await secondsOf(60, "PART")).to.equal("60");
    expect(await secondsOf(604_800, "PART")).to.equal(String(ENVIRONMENT.SLUICE_PART_URL_MAX_SECONDS.parse(undefined)));
    expect(await secondsOf(604_800)).to.equal(String(ENVIRONMENT.SLUICE_DOWNLOAD_URL_MAX_SECONDS.parse(undefined)));
  });

  it("explain says who can do what, in words or as JSON", async () => {
    const words = await run("explain", "--services", "firehose", ...PLACE);
    expect(words.out)
      .to.match(/^Bucket my-files\n/)
      .and.to.contain("Who can do what");
    const { access } = JSON.parse((await run("explain", "--json", "--services", "firehose", ...PLACE)).out);
    expect(access).to.be.an("array").with.length.above(5);
  });

  it("explain says what one service gets, and its options, without settings", async () => {
    const { code, out } = await run("explain", "sqs");
    expect(code).to.equal(0);
    expect(out)
      .to.match(/^Amazon SQS \(sqs\)\nGets: {2}a queue/)
      .and.to.contain("receiptsMax: whole number, 1 to 1000\n")
      .and.to.contain("Default: 5. Example: receiptsMax: 5\n")
      .and.to.contain("delivery: eventbridge or direct\n");
    const { options } = JSON.parse((await run("explain", "sqs", "--json")).out);
    expect(options.map(({ name }: { name: string }) => name)).to.deep.equal(["delivery", "receiptsMax"]);
    for (const { name } of SERVICES) expect(await run("explain", name), name).to.include({ code: 0, err: "" });
    const wrong = await run("explain", "athina");
    expect(wrong.code).to.equal(2);
    expect(wrong.err).to.equal('sluice: there is no AWS service "athina" to explain; did you mean "athena"?\n');
  });

  it("explain tells the roads that are open and shut, a line each or as JSON", async () => {
    const { code, out } = await run("explain", "--scenarios", "--all", ...PLACE);
    expect(code).to.equal(0);
    expect(out).to.match(/^Sluice's own roles\n-+\nmay /);
    expect(out).to.contain("\nmay      a pod whose session has the tags of EKS Pod Identity becomes the read role");
    expect(out).to.contain("\nmay not  an administrator reads the replica of a file that has not been scanned\n");
    const lines = out.match(/^may .*$/gm) ?? [];
    expect(lines).to.have.length.above(39);
    expect(out).to.match(new RegExp(`\n${lines.length} roads: \\d+ open, \\d+ shut\n$`));
    const groups = (await run("explain", "--scenarios", "--json", "--all", ...PLACE)).out.trim().split("\n");
    const roads = groups.flatMap((line) => JSON.parse(line).scenarios);
    expect(roads).to.have.length(lines.length);
    expect(roads[0]).to.have.keys("road", "isOpen", "steps");
  });
});
