import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { findTool, TOOLS, type Tool } from "./find-tool.ts";

const VARIABLE = "SLUICE_TEST_TOOL_OF_THIS_TEST";

describe("findTool", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-tool-"));
  });
  afterEach(async () => {
    delete process.env[VARIABLE];
    await rm(folder, { recursive: true });
  });

  /** The tool whose variable names a program that says this of its version. */
  async function toolThatSays(words: string, tool: Tool, name = tool.name): Promise<Tool> {
    const program = join(folder, name);
    await writeFile(program, `#!/bin/sh\n${words}\n`, { mode: 0o755 });
    process.env[VARIABLE] = join(folder, tool.name);
    return { ...tool, variable: VARIABLE };
  }

  for (const [said, expected] of [
    ["cfn-lint 1.58.0", "1.58.0"],
    ["Apache Maven 3.8.7 (on 64.1)", "3"],
  ] as const) {
    it(`takes a program that says "${said}" where ${expected} is wanted`, async () => {
      const tool = await toolThatSays(`echo '${said}'`, { ...TOOLS.cfnLint, version: expected });
      expect(await findTool(tool)).to.deep.equal({ program: join(folder, "cfn-lint") });
    });
  }

  for (const [said, found] of [
    ["cfn-lint 1.51.0", "version 1.51.0"],
    ["cfn-lint 1.58.00", "version 1.58.00"],
    ["no word of it", "an unknown version"],
  ]) {
    it(`says of a program that says "${said}" what it is and what is wanted`, async () => {
      const tool = await toolThatSays(`echo '${said}'`, TOOLS.cfnLint);
      expect(await findTool(tool)).to.equal(
        `${join(folder, "cfn-lint")} is of ${found}; this test is written for 1.58.0 (pip install cfn-lint==1.58.0; ${VARIABLE} may name it)`,
      );
    });
  }

  it("says of a program that fails when it is asked that its version is unknown", async () => {
    expect(await findTool(await toolThatSays("exit 1", TOOLS.schemathesis))).to.include("an unknown version");
  });

  it("asks the Python beside moto_server", async () => {
    const tool = await toolThatSays("exit 1", TOOLS.moto);
    await toolThatSays("echo 5.2.1", TOOLS.moto, "python3");
    expect(await findTool(tool)).to.include("is of version 5.2.1; this test is written for 5.2.5");
    await toolThatSays("echo 5.2.5", TOOLS.moto, "python3");
    expect(await findTool(tool)).to.have.property("program");
  });

  it("reads the version that Go's linker wrote into a program", async () => {
    const linked = (version: string) => `exit 1\nmod\tgithub.com/versity/versitygw\t${version}\th1:au+w=`;
    expect(await findTool(await toolThatSays(linked("v1.8.0"), TOOLS.versitygw))).to.have.property("program");
    expect(await findTool(await toolThatSays(linked("v1.9.2"), TOOLS.versitygw))).to.include("is of version 1.9.2");
  });

  it("asks for the versions that CI installs", () => {
    const script = readFileSync(new URL("../../../../.ci/run", import.meta.url), "utf8");
    for (const [key, tool] of Object.entries<Tool>(TOOLS)) {
      if (tool.cached !== undefined)
        expect(script, key).to.match(new RegExp(` v?${tool.version.replaceAll(".", "\\.")}\\b`));
    }
  });
});
