import { once } from "node:events";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect } from "chai";
import { migrate } from "../postgres/schema/migrate.ts";
import { PLAIN_ENVIRONMENT } from "../testing/rigs/service/plain-environment.ts";
import { findChildren, findFreePorts, isRunning, useStackPrograms } from "../testing/rigs/service/stack-program.ts";
import { until } from "../testing/rigs/until.ts";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import { startStack } from "./stack.ts";
import { createStackSecrets, loadStackSecrets } from "./stack-secrets.ts";

describe("the embedded stack, when things go wrong around it", () => {
  const stack = useStackPrograms();
  const { program } = stack;

  it("leaves nothing of a demo behind that is interrupted", async () => {
    const demo = program("demo.ts", ["--size", "1GiB"]);
    await demo.said(/^Generating/);
    demo.child.kill("SIGINT");
    const [, signal] = await demo.ended;
    expect(signal).to.equal("SIGINT");
    expect(await readdir(stack.directory)).to.deep.equal([]);
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
    await mkdir(join(stack.directory, ".sluice"), { mode: 0o755 });
    await symlink("/dev/full", join(stack.directory, ".sluice", "stack.log"));
    const start = program("start.ts", ["--port", String(await findFreePorts())]);
    await start.said(/Ctrl-C stops it/);
    await start.said(/stack\.log cannot be written any more \(ENOSPC/);
    start.child.kill("SIGTERM");
    expect((await start.ended)[0], start.lines.join("\n")).to.equal(0);
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
    const data = join(stack.directory, ".sluice");
    const { databasePassword: password } = await loadStackSecrets(data);
    const database = await startEmbeddedPostgres({
      dataDirectory: join(data, "database"),
      password,
      durable: false,
    });
    const migrations = join(stack.directory, "migrations");
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

  it("ends everything when storage does not start", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port: s3 } = holder.address() as { port: number };
    const starting = startStack({
      directory: stack.directory,
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
