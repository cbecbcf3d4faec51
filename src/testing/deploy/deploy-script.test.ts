import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { findProgram } from "../rigs/tools/find-program.ts";

const SCRIPT = fileURLToPath(new URL("../../../deploy/ecs/deploy.sh", import.meta.url));
/** Writes down what it is asked, and answers as AWS's command line would: by the output's name, or a name that follows from the question. */
const AWS = `#!/bin/bash
case "$*" in
  *"OutputKey=='$MISSING'"*) echo None ;;
  *describe-stacks*) sed -E "s/.*OutputKey=='([A-Za-z]+)'.*/the-\\1/" <<<"$*" ;;
  *"cloudformation deploy"*) for last; do :; done; echo "deploy $4 $(basename "$6") $(cat "\${last#file://}")" >>"$CALLS" ;;
  *run-task*) echo "run-task $*" >>"$CALLS"; echo a-task ;;
  *wait*) echo "wait" >>"$CALLS" ;;
  *describe-tasks*) echo "$EXIT_CODE" ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
`;

describe("deploy/ecs/deploy.sh", () => {
  let directory: string;
  before(async function () {
    if ((await findProgram("python3")) === undefined) {
      console.log("    skipped: no python3 on the PATH");
      return this.skip();
    }
    directory = await mkdtemp(join(tmpdir(), "sluice-test-deploy-"));
    await writeFile(join(directory, "aws"), AWS, { mode: 0o755 });
    await writeFile(join(directory, "parameters.json"), '["Image=an-image:1", "PublicUrl=https://files.example.com"]');
  });
  after(async () => {
    if (directory !== undefined) await rm(directory, { recursive: true });
  });

  const deploy = async (answers: { EXIT_CODE?: string; MISSING?: string } = {}) => {
    const calls = join(directory, "calls");
    await writeFile(calls, "");
    const env = {
      ...{ PATH: `${directory}:${process.env.PATH}`, CALLS: calls, EXIT_CODE: "0", MISSING: "no-output" },
      ...answers,
    };
    const ended = await new Promise<{ code: unknown; words: string }>((resolve) =>
      execFile("bash", [SCRIPT, "files", join(directory, "parameters.json")], { env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : error.code, words: stdout + stderr }),
      ),
    );
    return { ...ended, calls: (await readFile(calls, "utf8")).trim().split("\n") };
  };

  it("migrates between the base and the service, and makes dashboard and alarms last", async () => {
    const { code, words, calls } = await deploy();
    expect(words).to.include("let the name in PublicUrl lead to the-Address");
    expect(code).to.equal(0);
    expect(calls.map((call) => call.split(" ", 3).join(" "))).to.deep.equal([
      "deploy sluice-base base.yaml",
      "run-task ecs run-task",
      "wait",
      "deploy sluice service.yaml",
      "deploy sluice-dashboard dashboard.yaml",
      "deploy sluice-alarms alarms.yaml",
    ]);
    expect(calls[1]).to.include("subnets=[the-PrivateSubnets],securityGroups=[the-TaskGroup]");
  });

  it("gives each stack the person's parameters, the bucket's outputs, and the alarms their topics", async () => {
    const { calls } = await deploy();
    const parametersOf = (call = "") => JSON.parse(call.slice(call.indexOf("["))) as string[];
    expect(parametersOf(calls[3])).to.include.members([
      ...["Image=an-image:1", "PublicUrl=https://files.example.com", "BaseStack=sluice-base", "Bucket=the-Bucket"],
      ...["BucketRegion=the-Region", "KeyPrefix=the-KeyPrefix", "WriteRoleArn=the-WriteRoleArn"],
      "ReadRoleArn=the-ReadRoleArn",
    ]);
    expect(parametersOf(calls[5])).to.include.members([
      "PageTopicArn=the-PageTopicArn",
      "TicketTopicArn=the-TicketTopicArn",
    ]);
  });

  it("leaves the service as it is when the migration fails", async () => {
    const { code, words, calls } = await deploy({ EXIT_CODE: "1" });
    expect(code).to.equal(1);
    expect(words).to.include("the migration ended with 1; its words are in the log group the-LogGroup");
    expect(calls.filter((call) => call.startsWith("deploy"))).to.have.lengthOf(1);
  });

  it("refuses a stack that is not the bucket's before it makes anything", async () => {
    const { code, words, calls } = await deploy({ MISSING: "ReadRoleArn" });
    expect(code).to.equal(1);
    expect(words).to.include("the stack files has no output ReadRoleArn");
    expect(calls).to.deep.equal([""]);
  });
});
