import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "chai";
import { createSluiceClient } from "../client/client.ts";
import { migrate } from "../postgres/schema/migrate.ts";
import { PLAIN_ENVIRONMENT } from "../testing/rigs/service/plain-environment.ts";
import { until } from "../testing/rigs/until.ts";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import { startStack } from "./stack.ts";
import { createStackSecrets, loadStackSecrets } from "./stack-secrets.ts";
import { findFreePort, isPortFree } from "./tcp-port.ts";

/** A program that has not ended after this many milliseconds is stuck: the test shows what it said. */
const ENDS_WITHIN_MS = 100_000;

/** A program of this folder as a process, with its output by lines. */
function startProgram(
  name: string,
  args: readonly string[],
  { settings, ...options }: { cwd: string; settings?: Readonly<Record<string, string>> | undefined },
) {
  const path = new URL(name, import.meta.url).pathname;
  const env = { ...PLAIN_ENVIRONMENT, ...settings, TMPDIR: options.cwd };
  const child = spawn(process.execPath, [path, ...args], { cwd: options.cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on("line", (line) => lines.push(line));
  }
  const closed = once(child, "close");
  const late = AbortSignal.timeout(ENDS_WITHIN_MS);
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    closed.then((how) => resolve(how as never), reject);
    late.onabort = () => reject(new Error(`${name} has not ended:\n${lines.join("\n")}`));
  });
  ended.catch(() => {});
  const said = (pattern: RegExp) =>
    until(`${name} says ${pattern}`, () => {
      if (child.exitCode !== null) throw new Error(`${name} ended:\n${lines.join("\n")}`);
      return lines.find((line) => pattern.test(line));
    });
  return { child, lines, ended, said };
}

/** Three ports in a row that are free. */
async function findFreePorts(): Promise<number> {
  for (;;) {
    const port = await findFreePort();
    if (port < 65_530 && (await isPortFree(port + 1)) && (await isPortFree(port + 2))) return port;
  }
}

/** Ids of the processes that a process has started, whose command line holds `word`. */
async function findChildren(parent: number, word: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const [status, command] = await Promise.all(
      ["status", "cmdline"].map((file) => readFile(`/proc/${name}/${file}`, "utf8").catch(() => "")),
    );
    if (new RegExp(`^PPid:\\s+${parent}$`, "m").test(status ?? "") && command?.includes(word)) found.push(Number(name));
  }
  return found;
}

/** Whether a process still works: one that waits to be reaped does not. */
async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State: Z");
  return !/^State:\s+[ZX]/m.test(status);
}

describe("the embedded stack", function () {
  this.timeout(240_000);
  let directory: string;
  const running: ChildProcess[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-stack-"));
    // It stands in for the folder of temporary files, which everyone may enter.
    await chmod(directory, 0o755);
  });

  afterEach(async () => {
    for (const child of running.splice(0)) child.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true, maxRetries: 20 });
  });

  const program = (name: string, args: readonly string[], settings?: Readonly<Record<string, string>>) => {
    const started = startProgram(name, args, { cwd: directory, settings });
    running.push(started.child);
    return started;
  };

  describe("npm run demo", () => {
    it("uploads, lists, downloads and compares, and leaves nothing behind", async () => {
      const demo = program("demo.ts", ["--size", "16MiB"]);
      const [code] = await demo.ended;
      expect(code, demo.lines.join("\n")).to.equal(0);
      const text = demo.lines.join("\n");
      for (const said of [
        "received 16 MiB, durable 16 MiB of 16 MiB",
        "demo/generated.bin",
        "presigned URL",
        "SHA-256 equal",
      ]) {
        expect(text).to.contain(said);
      }
      expect(await readdir(directory)).to.deep.equal([]);
    });

    it("leaves nothing behind when it is interrupted", async () => {
      const demo = program("demo.ts", ["--size", "1GiB"]);
      await demo.said(/^Generating/);
      demo.child.kill("SIGINT");
      const [, signal] = await demo.ended;
      expect(signal).to.equal("SIGINT");
      expect(await readdir(directory)).to.deep.equal([]);
    });

    it("says what is no size, and what does not fit", async () => {
      const nonsense = program("demo.ts", ["--size", "much"]);
      expect((await nonsense.ended)[0]).to.equal(2);
      expect(nonsense.lines[0]).to.contain('"much" is no size');
      const huge = program("demo.ts", ["--size", "999999GiB"]);
      expect((await huge.ended)[0]).to.equal(1);
      expect(huge.lines.join()).to.contain("free; the demo needs");
      expect(await readdir(directory)).to.deep.equal([]);
    });
  });

  describe("npm start", () => {
    it("keeps what was uploaded, and its token, from one start to the next", async () => {
      const port = await findFreePorts();
      for (const round of [1, 2]) {
        const start = program("start.ts", ["--port", String(port)]);
        await start.said(/Ctrl-C stops it/);
        const { token } = await loadStackSecrets(join(directory, ".sluice"));
        expect(start.lines.join("\n")).to.contain(`export SLUICE_URL=http://127.0.0.1:${port} SLUICE_TOKEN=${token}`);
        const client = createSluiceClient({ url: `http://127.0.0.1:${port}`, token });
        if (round === 1) await client.upload(Buffer.from("kept"), "a/b");
        expect(Number((await client.getFile("a/b")).sizeBytes)).to.equal(4);
        client.close();
        start.child.kill(round === 1 ? "SIGTERM" : "SIGINT");
        expect((await start.ended)[0], start.lines.join("\n")).to.equal(0);
      }
    });

    it("hands settings on to the service, and refuses by name what it decides itself", async () => {
      const port = await findFreePorts();
      const refused = program("start.ts", ["--port", String(port)], {
        SLUICE_AUTH: "dev",
        SLUICE_LISTEN: "0.0.0.0:80",
      });
      expect((await refused.ended)[0]).to.equal(2);
      expect(refused.lines.join("\n")).to.match(/SLUICE_AUTH is set, which[\s\S]*SLUICE_LISTEN is set, which/);
      const origin = "http://localhost:5173";
      const start = program("start.ts", ["--port", String(port)], { SLUICE_CORS_ORIGINS: origin });
      await start.said(/Ctrl-C stops it/);
      const { headers } = await fetch(`http://127.0.0.1:${port}/livez`, { headers: { origin } });
      expect(headers.get("access-control-allow-origin")).to.equal(origin);
      start.child.kill("SIGTERM");
      expect((await start.ended)[0]).to.equal(0);
    });

    it("goes on when its log has no space any more, and says so", async () => {
      await mkdir(join(directory, ".sluice"), { mode: 0o755 });
      await symlink("/dev/full", join(directory, ".sluice", "stack.log"));
      const start = program("start.ts", ["--port", String(await findFreePorts())]);
      await start.said(/Ctrl-C stops it/);
      await start.said(/stack\.log cannot be written any more \(ENOSPC/);
      start.child.kill("SIGTERM");
      expect((await start.ended)[0], start.lines.join("\n")).to.equal(0);
    });

    it("says that a port is in use, or none", async () => {
      const port = await findFreePorts();
      const holder = createServer().listen(port + 1, "127.0.0.1");
      await once(holder, "listening");
      const start = program("start.ts", ["--port", String(port)]);
      expect((await start.ended)[0]).to.equal(1);
      expect(start.lines[0])
        .to.contain(`port ${port + 1} is in use`)
        .and.to.contain(`--port ${port + 1000}`);
      holder.close();
      expect((await program("start.ts", ["--port", "99999"]).ended)[0]).to.equal(2);
    });

    it("shows its help and the demo's, and refuses what is no option of them", async () => {
      for (const [name, option] of [
        ["start.ts", "--port <port>"],
        ["demo.ts", "--size <size>"],
      ] as const) {
        const help = program(name, ["--help"]);
        expect((await help.ended)[0]).to.equal(0);
        expect(help.lines.join("\n")).to.contain("Usage: npm").and.to.contain(option);
        const wrong = program(name, ["--nonsense"]);
        expect((await wrong.ended)[0]).to.equal(2);
        expect(wrong.lines).to.have.length(1);
        expect(wrong.lines[0]).to.contain("Unknown option");
      }
    });

    it("ends when one of its processes does, and says which", async function () {
      if (process.platform !== "linux") {
        console.log("skipped: the processes of a process are looked for in /proc, which only Linux has");
        return this.skip();
      }
      const port = await findFreePorts();
      const start = program("start.ts", ["--port", String(port)]);
      await start.said(/Ctrl-C stops it/);
      const [pid] = await findChildren(start.child.pid ?? 0, "s3-server/main.ts");
      process.kill(pid as number, "SIGKILL");
      expect((await start.ended)[0]).to.equal(1);
      expect(start.lines.join("\n")).to.contain("the development S3 server was ended by SIGKILL");
    });

    it("shows its secrets in no command line, which everybody on the machine can read", async function () {
      if (process.platform !== "linux") {
        console.log("skipped: command lines are looked for in /proc, which only Linux has");
        return this.skip();
      }
      const port = await findFreePorts();
      const start = program("start.ts", ["--port", String(port)]);
      await start.said(/Ctrl-C stops it/);
      const secrets = Object.values(await loadStackSecrets(join(directory, ".sluice")));
      const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
      const commands = await Promise.all(
        names.map((name) => readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "")),
      );
      expect(commands.filter((command) => command.includes("s3-server/main.ts"))).to.have.lengthOf.at.least(1);
      expect(commands.filter((command) => secrets.some((secret) => command.includes(secret)))).to.deep.equal([]);
      start.child.kill("SIGTERM");
      expect((await start.ended)[0]).to.equal(0);
    });

    it("takes its processes with it, even by kill -9", async function () {
      if (process.platform !== "linux") {
        console.log("skipped: the processes of a process are looked for in /proc, which only Linux has");
        return this.skip();
      }
      const port = await findFreePorts();
      const start = program("start.ts", ["--port", String(port)]);
      await start.said(/Ctrl-C stops it/);
      const pids = await findChildren(start.child.pid ?? 0, "");
      expect(pids.length).to.be.at.least(3);
      start.child.kill("SIGKILL");
      await until("all its processes have ended", async () =>
        (await Promise.all(pids.map(isRunning))).every((is) => !is),
      );
    });

    it("refuses the data of a version from before the first release, and says what to do with its folder", async () => {
      const data = join(directory, ".sluice");
      const { databasePassword: password } = await loadStackSecrets(data);
      const database = await startEmbeddedPostgres({
        dataDirectory: join(data, "database"),
        password,
        durable: false,
      });
      const migrations = join(directory, "migrations");
      await mkdir(migrations);
      await writeFile(join(migrations, "V1__namespaces_uploads_files.sql"), "CREATE TABLE namespace (name text)");
      await migrate({ url: database.url, directory: migrations });
      await database.stop();
      const start = program("start.ts", ["--port", String(await findFreePorts())]);
      expect((await start.ended)[0]).to.equal(1);
      expect(start.lines.join("\n"))
        .to.contain("the database begins with migration V1__namespaces_uploads_files.sql")
        .and.to.contain(`The database lies in ${data}: move that folder away, or give another`);
    });

    it("refuses secrets that it cannot read", async () => {
      await mkdir(join(directory, ".sluice"));
      await writeFile(join(directory, ".sluice", "secrets.json"), "{}");
      const start = program("start.ts", ["--port", String(await findFreePorts())]);
      expect((await start.ended)[0]).to.equal(1);
      expect(start.lines.join("\n")).to.contain("holds no secrets of a stack");
    });
  });

  describe("startStack", () => {
    it("ends everything when the service does not start, and says why", async () => {
      const settings = { SLUICE_AUTH: "nothing" };
      const starting = startStack({
        directory,
        ...createStackSecrets(),
        durable: false,
        environment: PLAIN_ENVIRONMENT,
        settings,
      });
      const error = await starting.then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error?.message).to.contain("the service ended with exit code 1").and.to.contain("SLUICE_AUTH");
    });

    it("ends everything when storage does not start", async () => {
      const holder = createServer().listen(0, "127.0.0.1");
      await once(holder, "listening");
      const { port: s3 } = holder.address() as { port: number };
      const starting = startStack({
        directory,
        ...createStackSecrets(),
        durable: false,
        ports: { s3 },
        environment: PLAIN_ENVIRONMENT,
      });
      const error = await starting.then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error?.message).to.contain("the development S3 server ended").and.to.contain("EADDRINUSE");
      holder.close();
    });
  });
});
