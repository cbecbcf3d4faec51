import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { Client } from "pg";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded-postgres.ts";
import { chooseAccount } from "./postgres-account.ts";
import { findPostgresBinaries } from "./postgres-binaries.ts";

const password = "p@ss/word ü";
const ABANDONED = fileURLToPath(new URL("../testing/rigs/database/abandoned-postgres.ts", import.meta.url));

describe("startEmbeddedPostgres", () => {
  let directory: string;
  let started: EmbeddedPostgres[];
  beforeEach(async () => {
    // Closed to other users, as a home folder is.
    directory = await mkdtemp(join(tmpdir(), "sluice-embedded-"));
    started = [];
  });
  afterEach(async () => {
    await Promise.all(started.map((postgres) => postgres.stop()));
    await rm(directory, { recursive: true, force: true });
  });

  async function start(options: { port?: number; onLog?: (line: string) => void } = {}): Promise<EmbeddedPostgres> {
    const dataDirectory = join(directory, "deep", "data");
    const postgres = await startEmbeddedPostgres({ dataDirectory, password, durable: false, ...options });
    started.push(postgres);
    return postgres;
  }

  async function select(url: string, statement: string): Promise<unknown[]> {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(statement)).rows;
    } finally {
      await client.end();
    }
  }

  it("serves PostgreSQL 15 in UTF-8 with a password, and keeps its data for the next start", async () => {
    const first = await start();
    expect(await select(first.url, "SELECT current_setting('server_version_num')::int / 10000 AS major")).to.deep.equal(
      [{ major: 15 }],
    );
    expect(await select(first.url, "SHOW server_encoding")).to.deep.equal([{ server_encoding: "UTF8" }]);
    await select(first.url, "CREATE TABLE kept (text text); INSERT INTO kept VALUES ('ü')");
    await first.stop();
    await first.stop();
    await first.exited;
    const lines: string[] = [];
    const second = await start({ port: first.port, onLog: (line) => lines.push(line) });
    expect(second.port).to.equal(first.port);
    expect(await select(second.url, "SELECT text FROM kept")).to.deep.equal([{ text: "ü" }]);
    expect(lines.join("\n")).to.include("ready to accept connections");
    const stranger = new URL(second.url);
    stranger.password = "wrong";
    const refused = await select(stranger.href, "SELECT 1").catch((error: unknown) => error);
    expect(refused).to.have.property("code", "28P01");
    expect(await readdir(join(directory, "deep"))).to.deep.equal(["data"]);
  });

  it("recovers after its server was killed", async () => {
    const first = await start();
    await select(first.url, "CREATE TABLE kept (n int)");
    process.kill(first.pid, "SIGKILL");
    await first.exited;
    const second = await start();
    expect(await select(second.url, "SELECT n FROM kept")).to.deep.equal([]);
  });

  it("starts although the old number of its process belongs to another one now", async () => {
    const first = await start();
    await first.stop();
    const pidFile = join(directory, "deep", "data", "postmaster.pid");
    await writeFile(pidFile, `${process.pid}\n`);
    const second = await start();
    expect(await select(second.url, "SELECT 1 AS n")).to.deep.equal([{ n: 1 }]);
  });

  it("ends with the process that started it, and lets the next one take over", async () => {
    const dataDirectory = join(directory, "deep", "data");
    const child = spawn(process.execPath, [ABANDONED, dataDirectory], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.setEncoding("utf8");
    const [line] = await once(child.stdout, "data");
    const { pid } = JSON.parse(String(line));
    child.kill("SIGKILL");
    await once(child, "exit");
    const next = await startEmbeddedPostgres({ dataDirectory, password: "secret", durable: false });
    started.push(next);
    expect(next.pid).to.not.equal(pid);
    expect(await select(next.url, "SELECT 1 AS n")).to.deep.equal([{ n: 1 }]);
  });

  it("refuses folders that hold something else, and says what", async () => {
    const refusal = () =>
      start().then(
        () => "",
        (error: Error) => error.message,
      );
    const dataDirectory = join(directory, "deep", "data");
    await mkdir(dataDirectory, { recursive: true });
    await writeFile(join(dataDirectory, "letter.txt"), "dear");
    expect(await refusal()).to.include("holds files but no PostgreSQL database");
    await writeFile(join(dataDirectory, "PG_VERSION"), "14\n");
    expect(await refusal()).to.include("was made by PostgreSQL 14; this is 15");
    expect(await readFile(join(dataDirectory, "letter.txt"), "utf8")).to.equal("dear");
  });

  it("says in PostgreSQL's words why it did not start", async () => {
    const first = await start();
    await first.stop();
    await writeFile(join(directory, "deep", "data", "postgresql.conf"), "nonsense = 1\n");
    const error = await start().catch((refusal: Error) => refusal);
    expect(error).to.have.property("message").that.includes('unrecognized configuration parameter "nonsense"');
  });

  it("tries a taken port again and again, then gives up", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const address = blocker.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const error = await start({ port }).catch((refusal: Error) => refusal);
    expect(error).to.have.property("message").that.includes("Address already in use");
    blocker.close();
    await once(blocker, "close");
  });
});

describe("findPostgresBinaries", () => {
  it("uses the package in place for ourselves", async () => {
    const { copy, postgres } = await findPostgresBinaries(undefined);
    expect(copy).to.equal(undefined);
    expect((await stat(postgres)).isFile()).to.equal(true);
  });

  it("copies programs that another user cannot reach, with the links between their libraries", async () => {
    const { postgres } = await findPostgresBinaries(undefined);
    const closed = await mkdtemp(join(tmpdir(), "sluice-closed-"));
    const root = join(closed, "native");
    await cp(dirname(dirname(postgres)), root, { recursive: true, verbatimSymlinks: true });
    await chmod(closed, 0o700);
    const found = await findPostgresBinaries({ uid: 65_534, gid: 65_534 }, root);
    expect(found.copy).to.be.a("string");
    const copy = found.copy ?? "";
    expect(found.postgres).to.equal(join(copy, "bin", "postgres"));
    expect(await readdir(join(copy, "lib"))).to.include("libpq.so.5");
    expect((await stat(copy)).mode & 0o777).to.equal(0o755);
    await chmod(join(root, "bin", "postgres"), 0o700);
    await chmod(closed, 0o755);
    const again = await findPostgresBinaries({ uid: 65_534, gid: 65_534 }, root);
    expect(again.copy).to.be.a("string");
    for (const path of [closed, copy, again.copy ?? ""]) await rm(path, { recursive: true, force: true });
  });
});

describe("chooseAccount", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-account-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("is ourselves unless we are root", async () => {
    expect(await chooseAccount(directory, { uid: 1_000 })).to.equal(undefined);
  });

  it("is the first unprivileged user that root's system has", async () => {
    const userDatabase = join(directory, "passwd");
    const absent = join(directory, "absent");
    await writeFile(userDatabase, "root:x:0:0::/:/bin/sh\nnobody:x:99:98::/:/bin/sh\n");
    expect(await chooseAccount(absent, { uid: 0, userDatabase })).to.deep.equal({ uid: 99, gid: 98 });
    await writeFile(userDatabase, "nobody:x:99:98::/:/bin/sh\npostgres:x:70:71::/:/bin/sh\n");
    expect(await chooseAccount(absent, { uid: 0, userDatabase })).to.deep.equal({ uid: 70, gid: 71 });
    expect(await chooseAccount(absent, { uid: 0, userDatabase: absent })).to.deep.equal({ uid: 65_534, gid: 65_534 });
  });
});
