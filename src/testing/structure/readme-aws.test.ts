import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { parse } from "yaml";
import { SERVICES } from "../../aws/services/services.ts";
import { CONFIG_COMMANDS } from "../../cli/config-actions.ts";
import { runCli } from "../../cli/program.ts";
import { captureText } from "../rigs/capture-text.ts";
import { rowsOf, sectionOf, testedBlock } from "./readme.ts";

describe("the README's page on AWS services", () => {
  let directory: string;
  const here = process.cwd();

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-readme-aws-"));
    process.chdir(directory);
  });

  afterEach(async () => {
    process.chdir(here);
    await rm(directory, { recursive: true, force: true });
  });

  async function run(line: string): Promise<string> {
    const [stdout, stderr] = [captureText(), captureText()];
    const server = { config: async () => CONFIG_COMMANDS, serve: async () => {}, migrate: async () => {} };
    const terminal = { stdout, stderr, stdin: new PassThrough(), env: {}, signal: new AbortController().signal };
    const args = line.replace(/#.*/, "").trim().split(/\s+/).slice(2);
    expect(await runCli(args, terminal, { ...server, doctor: async () => true }), stderr.text()).to.equal(0);
    return stdout.text();
  }

  it("says of every service what it gets, and by what road", () => {
    const rows = rowsOf(sectionOf("What each service gets"));
    expect(rows).to.deep.equal(
      SERVICES.map(({ title, name, gets, road }) => [
        `[${title}](${sourceOf(name)}) \`${name}\``,
        gets,
        road.join(", "),
      ]),
    );
  });

  it("shows an excerpt of what its command really prints", async () => {
    const page = "Let AWS services use the bucket";
    const printed = await run(testedBlock(page, "sh"));
    for (const part of testedBlock(page, "yaml").split(/^ *# …\n/m)) expect(printed).to.contain(part);
  });

  it("has settings that work, and commands that do", async () => {
    await writeFile("sluice.aws.yaml", testedBlock("Settings", "yaml"));
    const [init = "", ...others] = testedBlock("Settings", "sh").trim().split("\n");
    for (const line of others) expect(await run(line), line).not.to.equal("");
    for (const line of testedBlock("Deploy", "sh").trim().split("\n")) await run(line);
    await run(`${init.replace(/#.*/, "")} --force`);
    expect(parse(await run("npx sluice config init")).bucket).to.equal("my-files");
  });
});

function sourceOf(name: string): string {
  return SERVICES.find((one) => one.name === name)?.source ?? "";
}
