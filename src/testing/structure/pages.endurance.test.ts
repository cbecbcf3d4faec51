import { once } from "node:events";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { expect } from "chai";
import { programOf, useExamplePages } from "../rigs/service/example-pages.ts";
import { seededBytes } from "../rigs/uploads/upload-rig.ts";
import { testedBlock } from "./pages.ts";

/** Examples of many commands, each a process, and of a large file; pages.integration.test.ts has all others. */
describe("the long examples of the pages", () => {
  const pages = useExamplePages();
  const { start, run, runShell } = pages;

  it("let sluice label, search, and list folders and generations", async () => {
    const stdout = await runShell(testedBlock("finding-files", "Listing and searching", "sh"));
    expect(stdout).to.contain("labels of guides/en/readme.md: reviewed=yes, team=docs");
    expect(stdout.match(/ 1 {2}guides\/en\/readme\.md\n/g), "found twice, and as a generation").to.have.length(3);
    expect(stdout).to.match(/^ {30,}guides\/en\/\n/m);
  });

  it("let sluice copy, move, restore, hold and purge", async () => {
    const stdout = await runShell(testedBlock("life-of-a-file", "Generations", "sh"));
    expect(stdout).to.contain("restored life/final.md, generation 3,");
    expect(stdout).to.contain("life/final.md, generation 3, is under a legal hold of the record alone\n");
    expect(stdout).to.contain("purged life/final.md, generation 3: its bytes are gone\n");
    expect(stdout).to.match(/ 3 {2}life\/final\.md {2}\(purged\)\n.* 2 {2}life\/final\.md {2}\(superseded\)\n$/);
  });

  it("let sluice check the configuration, migrate, and serve until SIGTERM", async () => {
    const block = testedBlock("README", "Running it", "sh");
    const environment = { ...pages.stack.serviceEnvironment, SLUICE_LISTEN: "127.0.0.1:0", SLUICE_LOG_LEVEL: "info" };
    const child = start("bash", ["-euo", "pipefail", "-c", block], environment);
    const [closed, stderr] = [once(child, "close"), text(child.stderr)];
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      // `instance` is "host/process id".
      if (line.includes('"msg":"listening"'))
        process.kill(Number(JSON.parse(line).instance.split("/").at(-1)), "SIGTERM");
    }
    const [code] = await closed;
    expect(code, [await stderr, ...lines].join("\n")).to.equal(0);
    expect(lines.join("\n"))
      .to.match(/^OK +configuration: complete and consistent$/m)
      .and.to.contain("the schema is up to date\n")
      .and.to.match(/"msg":"stopped"\}$/);
  });

  it("let the client send what is missing after a kill", async () => {
    const large = join(pages.directory, "large.bin");
    await writeFile(large, seededBytes(2 ** 20));
    await truncate(large, 200 * 2 ** 20);
    const program = programOf(testedBlock("README", "An upload from code", "ts"), large, "examples/killed.bin");
    const child = start(...program);
    const exited = once(child, "exit");
    for await (const line of createInterface({ input: child.stdout })) {
      if (/^sending: [1-9]/.test(line)) child.kill("SIGKILL");
    }
    expect(await exited, "it was killed before its end").to.deep.equal([null, "SIGKILL"]);
    const stdout = await run(...program);
    expect(stdout, "what it says before it sends").to.match(/^verifying: [1-9]\d* bytes are durable$/m);
    expect(stdout).to.contain(`generation 1, ${200 * 2 ** 20} bytes`);
  });
});
