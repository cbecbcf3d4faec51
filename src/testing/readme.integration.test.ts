import { type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { createSluiceClient } from "../client/client.ts";
import { type Stack, startStack } from "../devstack/stack.ts";
import { createStackSecrets } from "../devstack/stack-secrets.ts";
import { testedBlock } from "./readme.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

describe("the README's examples", function () {
  this.timeout(120_000);
  let directory: string;
  let stack: Stack;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-readme-"));
    const settings = { SLUICE_WORKERS: "1", SLUICE_LOG_LEVEL: "warn" };
    stack = await startStack({
      directory,
      ...createStackSecrets(),
      durable: false,
      settings,
      environment: process.env,
    });
  });
  after(async () => {
    await stack?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** Runs a program as a user who has just cloned the repository, with the two variables exported. */
  async function run(program: string, args: readonly string[]): Promise<string> {
    const options: SpawnOptions = {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PATH: [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter),
        XDG_STATE_HOME: join(directory, "state"),
        SLUICE_URL: stack.url,
        SLUICE_TOKEN: stack.token,
      },
    };
    const child = spawn(program, args, options);
    const [[code], stdout, stderr] = await Promise.all([
      once(child, "close"),
      text(child.stdout!),
      text(child.stderr!),
    ]);
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  it("let sluice upload, list, download, delete and restore", async () => {
    const stdout = await run("bash", ["-euo", "pipefail", "-c", testedBlock("Quick start", "sh")]);
    expect(stdout).to.contain("uploaded docs/README.md").and.to.contain("restored docs/README.md");
    expect(stdout).to.contain("uploaded lists/src.txt");
  });

  it("let sluice label, search, and list folders and generations", async () => {
    const stdout = await run("bash", ["-euo", "pipefail", "-c", testedBlock("Finding files", "sh")]);
    expect(stdout).to.contain("labels of guides/en/readme.md: reviewed=yes, team=docs");
    expect(stdout.match(/ 1 {2}guides\/en\/readme\.md\n/g), "found twice, and as a generation").to.have.length(3);
    expect(stdout).to.match(/^ {30,}guides\/en\/\n/m);
  });

  it("let sluice copy, move, restore, hold and purge", async () => {
    const stdout = await run("bash", ["-euo", "pipefail", "-c", testedBlock("The life of a file", "sh")]);
    expect(stdout).to.contain("restored life/final.md, generation 3,");
    expect(stdout).to.contain("life/final.md, generation 3, is under a legal hold\n");
    expect(stdout).to.contain("purged life/final.md, generation 3: its bytes are gone\n");
    expect(stdout).to.match(/ 3 {2}life\/final\.md {2}\(purged\)\n.* 2 {2}life\/final\.md {2}\(superseded\)\n$/);
  });

  it("let a gRPC client upload", async () => {
    const bytes = Buffer.alloc(20 * 2 ** 20 + 7, "bytes of a file");
    const file = join(directory, "upload.bin");
    await writeFile(file, bytes);
    // Evaluated and not run as a file, so that its packages are looked for from the top of the repository.
    const evaluate = ["--input-type=module", "--eval", testedBlock("An upload from code", "js")];
    const stdout = await run(process.execPath, [...evaluate, "--", "upload.mjs", file, "examples/upload.bin"]);
    expect(stdout).to.match(/^\d+ bytes are durable$/m);
    expect(stdout).to.contain(`generation 1, ${bytes.length} bytes, CRC32`);
    const client = createSluiceClient({ url: stack.url, token: stack.token });
    try {
      const found = await client.getFile("examples/upload.bin");
      expect(Number(found.sizeBytes)).to.equal(bytes.length);
    } finally {
      client.close();
    }
  });
});
