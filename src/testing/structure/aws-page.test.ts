import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { parse } from "yaml";
import { ANSWER_FILES } from "../../aws/live/reading/existing-bucket.ts";
import { printOptionTable } from "../../aws/print/print-options.ts";
import { SERVICES } from "../../aws/services/services.ts";
import { consumers } from "../../aws/settings/consumers.ts";
import { network } from "../../aws/settings/network.ts";
import { CONFIG_COMMANDS } from "../../cli/configuration/config-actions.ts";
import type { ConfigCommands } from "../../cli/configuration/config-command.ts";
import { runCli } from "../../cli/program.ts";
import { captureText } from "../rigs/capture-text.ts";
import { rowsOf, sectionOf, testedBlock } from "./pages.ts";

/** Where nothing listens. */
const NOWHERE = "http://127.0.0.1:9";
/** CloudFormation takes larger templates from S3 alone: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const TEMPLATE_BODY_MAX_BYTES = 51_200;
/** Operations of `aws cloudformation` and the options of theirs that the page may use: https://docs.aws.amazon.com/cli/latest/reference/cloudformation/ */
const OPERATIONS: Readonly<Record<string, readonly string[]>> = {
  deploy: ["stack-name", "template-file", "s3-bucket", "capabilities", "no-execute-changeset"],
  "describe-change-set": ["stack-name", "change-set-name"],
  "execute-change-set": ["stack-name", "change-set-name"],
  "create-change-set": ["stack-name", "change-set-name", "change-set-type", "template-body", "resources-to-import"],
  "wait change-set-create-complete": ["stack-name", "change-set-name"],
  "wait stack-import-complete": ["stack-name"],
};

describe("the page on AWS services", () => {
  let directory: string;
  const here = process.cwd();

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-aws-page-"));
    process.chdir(directory);
  });

  afterEach(async () => {
    process.chdir(here);
    await rm(directory, { recursive: true, force: true });
  });

  /** Runs a command of `sluice` as the page has it; resolves to what it printed. */
  async function run(line: string, { exitCode = 0 } = {}): Promise<string> {
    const [stdout, stderr] = [captureText(), captureText()];
    const commands: ConfigCommands = {
      ...CONFIG_COMMANDS,
      verify: (terminal, options) => CONFIG_COMMANDS.verify(terminal, { ...options, endpoint: NOWHERE }),
    };
    const server = { config: async () => commands, serve: async () => {}, migrate: async () => {} };
    const terminal = { stdout, stderr, stdin: new PassThrough(), env: {}, signal: new AbortController().signal };
    const args = line.replace(/#.*/, "").trim().split(/\s+/).slice(2);
    expect(
      await runCli(args, terminal, { ...server, doctor: async () => true, reconcile: async () => true }),
      stderr.text(),
    ).to.equal(exitCode);
    return stdout.text();
  }

  /** Runs the lines of a block that call `sluice`, and resolves to those that call `aws cloudformation`. */
  async function runOwn(block: string): Promise<AwsCall[]> {
    const lines = block
      .replaceAll(/\\\n */g, "")
      .trim()
      .split("\n");
    for (const line of lines.filter((one) => one.startsWith("npx sluice "))) await run(line);
    const others = lines.filter((line) => !line.startsWith("npx sluice "));
    expect(others.filter((line) => !line.startsWith("aws cloudformation "))).to.deep.equal([]);
    return others.map(parseAwsCall);
  }

  it("says of every service what it gets, and by what road", () => {
    const rows = rowsOf(sectionOf("aws", "What each service gets"));
    expect(rows).to.deep.equal(
      SERVICES.map(({ title, name, gets, road }) => [
        `[${title}](${sourceOf(name)}) \`${name}\``,
        gets,
        road.join(", "),
      ]),
    );
  });

  it("has every option of every service", async () => {
    const page = await readFile(join(here, "docs/aws.md"), "utf8");
    const [, table] = /<!-- options: begin -->\n(.*)<!-- options: end -->/s.exec(page) ?? [];
    expect(table, "npm run generate:golden writes it anew").to.equal(printOptionTable());
    const options = SERVICES.flatMap(({ name, options }) =>
      Object.keys(options.shape).map((one) => `\`${name}.${one}\``),
    );
    expect(rowsOf(sectionOf("aws", "Options of services")).map(([option]) => option)).to.deep.equal(options);
  });

  it("shows an excerpt of what its command really prints", async () => {
    const printed = await run(testedBlock("aws", "What is generated", "sh"));
    const parts = testedBlock("aws", "What is generated", "yaml").split(/^ *# …\n/m);
    expect(parts).to.have.length.above(1);
    for (const part of parts) expect(printed).to.contain(part);
  });

  it("is what the README's three lines lead to", async () => {
    const [init = "", explain = "", generate = "", ...others] = testedBlock("README", "An AWS configuration", "sh")
      .trim()
      .split("\n");
    expect(others).to.deep.equal([]);
    await run(init);
    await writeFile("sluice.aws.yaml", testedBlock("aws", "Settings", "yaml"));
    expect(await run(explain)).to.contain("may");
    await run(generate);
    expect(parse(await readFile("template.yaml", "utf8"))).to.have.property("Resources");
  });

  it("has settings that work, and commands that do", async () => {
    await writeFile("sluice.aws.yaml", testedBlock("aws", "Settings", "yaml"));
    const [init = "", ...others] = testedBlock("aws", "Settings", "sh").trim().split("\n");
    for (const line of others) expect(await run(line), line).not.to.equal("");
    await run(`${init.replace(/#.*/, "")} --force`);
    expect(parse(await run("npx sluice config init")).bucket).to.equal("my-files");
  });

  it("makes a minimal file that is as small as it says", async () => {
    const line = testedBlock("aws", "A minimal file", "sh");
    const kilobytes = Number(/# (\d+) KB$/.exec(line.trim())?.[1]);
    const printed = await run(line);
    expect(Math.round(Buffer.byteLength(printed) / 1000)).to.equal(kilobytes);
  });

  for (const [said, block] of [
    ["AWS::S3::AccessPoint", testedBlock("aws", "Consumers in other accounts", "yaml")],
    ["PartnersRead", testedBlock("aws", "Statements of your own", "yaml")],
    ["AWS::EC2::VPCEndpoint", testedBlock("aws", "The network", "yaml")],
  ] as const) {
    it(`has settings of which the template gets ${said}`, async () => {
      const least = 'bucket: my-files\nregion: eu-central-1\naccount: "111122223333"\n';
      await writeFile("sluice.aws.yaml", `${least}${block}`);
      expect(await run("npx sluice config generate")).to.contain(said);
      expect(await run("npx sluice config explain --scenarios")).to.contain("may not");
    });
  }

  it("names every option of a consumer", () => {
    const rows = rowsOf(sectionOf("aws", "Consumers in other accounts"));
    const named = rows.map(([option = ""]) => option.replaceAll("`", ""));
    expect(named).to.have.members(Object.keys(consumers.unwrap().element.shape));
  });

  it("names every option of the network", () => {
    const text = sectionOf("aws", "The network");
    for (const option of Object.keys(network.unwrap().shape)) expect(text).to.contain(`\`${option}\``);
  });

  it("deploys the template that it generates, by operations that there are", async () => {
    await writeFile("sluice.aws.yaml", testedBlock("aws", "Settings", "yaml"));
    const calls = await runOwn(testedBlock("aws", "Deploy", "sh"));
    expect(calls.map(({ operation }) => operation)).to.deep.equal([
      "deploy",
      "describe-change-set",
      "execute-change-set",
    ]);
    const [deploy, ...others] = calls;
    expect(others.map(({ options }) => options)).to.deep.equal(
      others.map(() => ({ "stack-name": deploy?.options["stack-name"], "change-set-name": "NAME" })),
    );
    const template = await readFile(deploy?.options["template-file"] ?? "", "utf8");
    expect(template).to.contain("RoleName:");
    expect(deploy?.options.capabilities, "what CloudFormation asks for where roles have names").to.equal(
      "CAPABILITY_NAMED_IAM",
    );
  });

  it("keeps what a bucket has, by the files that it names", async () => {
    await writeFile("sluice.aws.yaml", testedBlock("aws", "Settings", "yaml"));
    const [live = "", files = "", ...others] = testedBlock("aws", "Keep what a bucket has", "sh").trim().split("\n");
    expect(others).to.deep.equal([]);
    expect(live).to.match(/^npx sluice config import --output \S+ +#/);
    await mkdir("answers");
    const names = [...sectionOf("aws", "Keep what a bucket has").matchAll(/`(get-bucket-[a-z-]+\.json)`/g)];
    expect(new Set(names.map(([, name]) => name))).to.deep.equal(new Set(ANSWER_FILES));
    const rule = { ID: "old", Filter: { Prefix: "old/" }, Status: "Enabled", Expiration: { Days: 90 } };
    await writeFile("answers/get-bucket-lifecycle-configuration.json", JSON.stringify({ Rules: [rule] }));
    await run(files);
    const { existing, services } = parse(await readFile("from-files.yaml", "utf8"));
    expect(existing.lifecycleRules).to.deep.equal([
      { Id: "old", Status: "Enabled", Prefix: "old/", ExpirationInDays: 90 },
    ]);
    expect(services).to.have.property("lambda", true);
    expect(await run("npx sluice config generate --config from-files.yaml")).to.contain("Id: old");
  });

  it("imports what it lists, by a template that CloudFormation takes as it is", async () => {
    await writeFile("sluice.aws.yaml", testedBlock("aws", "Settings", "yaml"));
    const calls = await runOwn(testedBlock("aws", "Import existing buckets", "sh"));
    expect(calls.map(({ operation }) => operation)).to.deep.equal([
      "create-change-set",
      "wait change-set-create-complete",
      "execute-change-set",
      "wait stack-import-complete",
    ]);
    expect(new Set(calls.map(({ options }) => options["stack-name"]))).to.have.property("size", 1);
    expect(new Set(calls.slice(0, 3).map(({ options }) => options["change-set-name"]))).to.have.property("size", 1);
    const [create] = calls;
    expect(create?.options["change-set-type"]).to.equal("IMPORT");
    const read = (option: string) => readFile(create?.options[option]?.replace("file://", "") ?? "", "utf8");
    const [template, list] = [await read("template-body"), JSON.parse(await read("resources-to-import"))];
    expect(Buffer.byteLength(template)).to.be.at.most(TEMPLATE_BODY_MAX_BYTES);
    const imported = list.map((one: { LogicalResourceId: string }) => one.LogicalResourceId);
    expect(Object.keys(parse(template).Resources)).to.have.members(imported);
  });

  it("verifies in words and in JSON, and ends with 1 where anything differs", async () => {
    await writeFile("sluice.aws.yaml", testedBlock("aws", "Settings", "yaml"));
    const before = { ...process.env };
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" });
    try {
      const [words = "", json = "", ...others] = testedBlock("aws", "Verify", "sh").trim().split("\n");
      expect(others).to.deep.equal([]);
      expect(await run(words, { exitCode: 1 })).to.contain("bucket my-files\n  UNREADABLE");
      const lines = (await run(json, { exitCode: 1 })).trim().split("\n");
      expect(lines.map((line) => JSON.parse(line).type)).to.include("finding");
    } finally {
      process.env = before;
    }
  });
});

/** A call of `aws cloudformation`: `operation` with its options, those without a value as "". */
interface AwsCall {
  operation: string;
  options: Record<string, string>;
}

/** Throws where the operation or an option of it is none. */
function parseAwsCall(line: string): AwsCall {
  const words = line.replace(/ +#.*/, "").split(" ").slice(2);
  const operation = words.splice(0, words[0] === "wait" ? 2 : 1).join(" ");
  const options = [...` ${words.join(" ")}`.matchAll(/ --([a-z0-9-]+)((?: (?!--)\S+)*)/g)].map(
    ([, name = "", value = ""]) => [name, value.trim()] as const,
  );
  expect(OPERATIONS, line).to.have.property(operation);
  expect(OPERATIONS[operation], line).to.include.members(options.map(([name]) => name));
  return { operation, options: Object.fromEntries(options) };
}

function sourceOf(name: string): string {
  return SERVICES.find((one) => one.name === name)?.source ?? "";
}
