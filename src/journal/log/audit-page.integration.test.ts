import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { LogRig } from "../../testing/rigs/database/log-rig.ts";
import { findTool, TOOLS } from "../../testing/rigs/tools/find-tool.ts";
import { testedBlock } from "../../testing/structure/pages.ts";

const SLUICE = fileURLToPath(new URL("../../cli/launch.js", import.meta.url));

describe("docs/audit.md", () => {
  let rig: LogRig;
  let folder: string;
  let server: Server;
  before(async () => {
    [rig, folder] = [await LogRig.start(), await mkdtemp(join(tmpdir(), "sluice-audit-page-"))];
    await rig.enterUpTo(300);
    await rig.publisher().publish();
    for (const [path, bytes] of rig.store.objects) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
    }
    const lines = (await rig.export("default")).map((line) => JSON.stringify(line));
    await writeFile(join(folder, "audit.ndjson"), lines.join("\n"));
    await writeFile(join(folder, "checkpoint-of-last-month"), rig.store.objects.get("checkpoint") as Uint8Array);
    server = createServer((request, response) => {
      readFile(join(folder, request.url ?? "")).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      );
    }).listen(0, "127.0.0.1");
  });
  after(async () => {
    server?.close();
    await rm(folder, { recursive: true, force: true });
    await rig?.close();
  });
  /** Runs a block of the page in the folder of the log; what it prints. */
  const runBlock = async (code: string) => {
    const { port } = server.address() as AddressInfo;
    const env = { ...process.env, LOG_KEY: rig.key.verifierKey, LOG_URL: `http://127.0.0.1:${port}/` };
    const { stdout, stderr } = await promisify(execFile)("bash", ["-euc", code], { cwd: folder, env });
    return stdout + stderr;
  };
  const withSluice = (code: string) => code.replaceAll("npx sluice", `"${process.execPath}" "${SLUICE}"`);

  it("shows an outsider two commands that verify a log", async function () {
    const fsck = await findTool(TOOLS.fsck);
    if (typeof fsck === "string") {
      console.log(`      docs/audit.md: skipped, ${fsck}`);
      return this.skip();
    }
    const block = testedBlock("audit", "Verifying without Sluice", "sh");
    const own = block.replace("go run github.com/transparency-dev/tessera/cmd/fsck@v1.0.4", fsck.program);
    expect(own).not.to.equal(block);
    expect(await runBlock(own)).to.include("Successfully fsck'd log");
  });

  it("shows how Sluice verifies it, with an export and a checkpoint that was kept", async () => {
    const said = await runBlock(withSluice(testedBlock("audit", "Verifying with Sluice", "sh")));
    expect(said)
      .to.include("300 entries are as the checkpoint says")
      .and.include("exported entries are as the log says");
  });

  it("shows how a key is made", async () => {
    expect(await runBlock(withSluice(testedBlock("audit", "Publishing", "sh")))).to.include(
      "PRIVATE+KEY+files.example.org/audit+",
    );
  });

  it("shows a command that lets another log begin", async () => {
    const failed = await runBlock(withSluice(testedBlock("audit", "When the database was restored", "sh"))).catch(
      ({ stderr }: { stderr: string }) => stderr,
    );
    // What it does is tested with the command; without settings it says what it lacks.
    expect(failed).to.include("SLUICE_DATABASE_URL is missing");
  });
});
