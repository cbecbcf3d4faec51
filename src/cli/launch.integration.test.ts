import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { until } from "../testing/rigs/until.ts";

const run = promisify(execFile);
const LAUNCH = fileURLToPath(new URL("./launch.js", import.meta.url));
/** Makes Node believe that it is an old version, which cannot become another program. */
const OLD = `--import=data:text/javascript,${encodeURIComponent(
  `if (process.argv[1] === ${JSON.stringify(LAUNCH)}) {
    Object.defineProperty(process.versions, "node", { value: "20.0.0" });
    delete process.execve;
  }`,
)}`;

describe("the launcher of sluice", () => {
  for (const [what, flags] of [
    ["the Node that npm has brought", []],
    ["an older one", [OLD]],
  ] as const) {
    it(`hands arguments, output and exit code over under ${what}`, async () => {
      const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
      const { stdout } = await run(process.execPath, [...flags, LAUNCH, "--version"]);
      expect(stdout).to.equal(`${version}\n`);
      const failed = await run(process.execPath, [...flags, LAUNCH, "no-such-command"]).catch((error) => error);
      expect({ code: failed.code, said: failed.stderr }).to.deep.include({ code: 2 });
      expect(failed.stderr).to.include("no-such-command");
    });
  }

  it("runs under an older Node of this machine, by the link that npm makes", async function () {
    const old = await findOlderNode();
    if (old === undefined) return this.skip();
    const folder = await mkdtemp(join(tmpdir(), "sluice-launch-"));
    await symlink(LAUNCH, join(folder, "sluice"));
    const { stdout } = await run(old, [join(folder, "sluice"), "--help"]);
    expect(stdout).to.include("Usage: sluice");
    await rm(folder, { recursive: true });
  });

  it("passes SIGTERM on from an older Node, and ends as the program does", async () => {
    // Nothing comes from its standard input.
    const args = [OLD, LAUNCH, "upload", "-", "waits", "--url", "http://127.0.0.1:9"];
    const child = spawn(process.execPath, args, { stdio: ["pipe", "ignore", "ignore"] });
    const exited = once(child, "exit");
    const program = await until("the program runs", () => findChild(child));
    await until("the launcher takes signals", () => takesSigterm(child));
    await until("it reads its command line", async () => (await readCommand(program)).includes("upload"));
    child.kill("SIGTERM");
    expect(await exited).to.deep.equal([null, "SIGTERM"]);
    await until("the program has ended", async () => (await readCommand(program)) === "");
  });
});

/** The first Node on the PATH whose major version is older than this one's and at least 20. */
async function findOlderNode(): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, "node");
    const said = await run(path, ["--version"]).catch(() => undefined);
    const major = Number(/^v(\d+)/.exec(said?.stdout ?? "")?.[1]);
    if (major >= 20 && major < Number(process.versions.node.split(".")[0])) return path;
  }
  return undefined;
}

async function findChild({ pid }: ChildProcess): Promise<number | undefined> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.trim() === "" ? undefined : Number(children.trim().split(" ")[0]);
}

/** Whether a process has a handler of SIGTERM, which is signal 15; one that it has not ends the launcher alone. */
async function takesSigterm({ pid }: ChildProcess): Promise<boolean> {
  const [, caught = "0"] = /^SigCgt:\s+(\w+)$/m.exec(await readFile(`/proc/${pid}/status`, "utf8")) ?? [];
  return (BigInt(`0x${caught}`) & (1n << 14n)) !== 0n;
}

/** The command line of a process; empty once it has ended. */
async function readCommand(pid: number): Promise<string> {
  return await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
}
