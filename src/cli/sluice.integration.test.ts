import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { UploadState } from "../../gen/sluice/v1/upload_service_pb.ts";
import { createSluiceClient, type SluiceClient } from "../client/client.ts";
import { writeDemoFile } from "../devstack/demo-file.ts";
import { type Stack, startStack } from "../devstack/stack.ts";
import { createStackSecrets } from "../devstack/stack-secrets.ts";
import { PLAIN_ENVIRONMENT } from "../testing/rigs/service/plain-environment.ts";
import { until } from "../testing/rigs/until.ts";

const MIB = 2 ** 20;
const main = fileURLToPath(new URL("main.ts", import.meta.url));

/**
 * Parts that are never answered, each once: the third of a file of six parts, then the seventh of one of eight, then the
 * ninth of one of ten, then the eleventh of one of twelve. Their uploads stay unfinished for as long as a test needs.
 */
const HANGS = [3, 7, 9, 11].map((partNumber) => ({
  operation: "UploadPart",
  match: { partNumber },
  fault: { kind: "hang" },
}));

describe("sluice, as a process", function () {
  this.timeout(240_000);
  let directory: string;
  let stack: Stack;
  let client: SluiceClient;
  let env: NodeJS.ProcessEnv;
  let source: string;
  let sha256: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-cli-"));
    stack = await startStack({
      directory,
      ...createStackSecrets(),
      durable: false,
      environment: PLAIN_ENVIRONMENT,
      settings: { SLUICE_WORKERS: "1", SLUICE_LOG_LEVEL: "error" },
      s3Args: ["--faults", JSON.stringify(HANGS)],
    });
    client = createSluiceClient({ url: stack.url, token: stack.token });
    env = {
      ...process.env,
      XDG_STATE_HOME: join(directory, "state"),
      SLUICE_URL: stack.url,
      SLUICE_TOKEN: stack.token,
    };
    source = join(directory, "source.bin");
    const { signal } = new AbortController();
    sha256 = await writeDemoFile(source, { sizeBytes: 40 * MIB + 7, seed: "cli", signal });
  });

  after(async () => {
    client?.close();
    await stack?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const start = (...args: string[]) =>
    spawn(process.execPath, [main, ...args], { env, cwd: directory, stdio: ["pipe", "pipe", "pipe"] });

  async function outcome(child: ChildProcess) {
    const [[code, signal], out, err] = await Promise.all([
      once(child, "close"),
      buffer(child.stdout!),
      text(child.stderr!),
    ]);
    return { code, signal, out, err };
  }

  async function run(...args: string[]) {
    const child = start(...args);
    child.stdin.end();
    return await outcome(child);
  }

  const storedSha256 = async (path: string) => {
    const { code, out, err } = await run("download", path, "-");
    expect(code, err).to.equal(0);
    return createHash("sha256").update(out).digest("hex");
  };

  /** Id of the one upload that is remembered, once the bytes before the part that hangs are durable. */
  async function untilStuckAfter(durableParts: bigint): Promise<string> {
    const records = join(directory, "state/sluice/uploads");
    const uploadId = await until("the upload is remembered", async () => {
      const [name] = await readdir(records).catch(() => []);
      return name?.endsWith(".json") ? JSON.parse(await readFile(join(records, name), "utf8")).uploadId : undefined;
    });
    const stuckAt = durableParts * 8n * 2n ** 20n;
    await until("parts are durable", async () => (await client.getUpload(uploadId)).durableOffset === stuckAt);
    return uploadId;
  }

  it("continues, when run again, an upload whose process was killed", async () => {
    const first = start("upload", source, "killed.bin");
    const uploadId = await untilStuckAfter(2n);
    first.kill("SIGKILL");
    await outcome(first);
    const { code, out, err } = await run("upload", source, "killed.bin", "--json");
    expect(code, err).to.equal(0);
    const events = out
      .toString()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).to.include({ type: "receipt", path: "killed.bin", sizeBytes: 40 * MIB + 7, generation: 1 });
    expect((await client.getUpload(uploadId)).state).to.equal(UploadState.COMMITTED);
    expect(await storedSha256("killed.bin")).to.equal(sha256);
    expect(await readdir(join(directory, "state/sluice/uploads"))).to.deep.equal([]);
  });

  it("goes on by itself when the service is killed and comes back", async () => {
    const larger = join(directory, "larger.bin");
    const { signal } = new AbortController();
    const expected = await writeDemoFile(larger, { sizeBytes: 64 * MIB, seed: "larger", signal });
    const ended = outcome(start("upload", larger, "service-killed.bin"));
    const uploadId = await untilStuckAfter(6n);
    await stack.service.kill();
    await stack.restartService();
    const { code, err } = await ended;
    expect(code, err).to.equal(0);
    expect((await client.getUpload(uploadId)).state).to.equal(UploadState.COMMITTED);
    expect(await storedSha256("service-killed.bin")).to.equal(expected);
  });

  it("continues by lanes, when run again, what lanes of a killed process began", async () => {
    const largest = join(directory, "largest.bin");
    const { signal } = new AbortController();
    const expected = await writeDemoFile(largest, { sizeBytes: 80 * MIB, seed: "largest", signal });
    const first = start("upload", largest, "lanes.bin", "--lanes", "4");
    const uploadId = await untilStuckAfter(8n);
    first.kill("SIGKILL");
    await outcome(first);
    const { code, out, err } = await run("upload", largest, "lanes.bin", "--lanes", "4");
    expect(code, err).to.equal(0);
    expect(out.toString()).to.match(/^uploaded lanes\.bin: 80 MiB, generation 1/);
    expect((await client.getUpload(uploadId)).state).to.equal(UploadState.COMMITTED);
    expect(await storedSha256("lanes.bin")).to.equal(expected);
  });

  it("continues, when run again, what it and the service were killed in, and sends only what was in flight", async () => {
    const long = join(directory, "long.bin");
    const sizeBytes = 96 * MIB;
    const expected = await writeDemoFile(long, { sizeBytes, seed: "long", signal: new AbortController().signal });
    const first = start("upload", long, "both-killed.bin");
    const cut = outcome(first);
    const uploadId = await untilStuckAfter(10n);
    await stack.service.kill();
    first.kill("SIGKILL");
    await cut;
    await stack.restartService();
    const { code, out, err } = await run("upload", long, "both-killed.bin", "--json");
    expect(code, err).to.equal(0);
    const lines = out.toString().trim().split("\n");
    const { resumedBytes } = JSON.parse(lines.at(-1) ?? "");
    // Parts 11 and 12 were in flight: nothing before them is sent again.
    expect(resumedBytes).to.be.within(80 * MIB, sizeBytes);
    expect((await client.getUpload(uploadId)).state).to.equal(UploadState.COMMITTED);
    expect(await storedSha256("both-killed.bin")).to.equal(expected);
  });

  it("uploads standard input of unknown length", async () => {
    const child = start("upload", "-", "piped.bin");
    const ended = outcome(child);
    const bytes = await readFile(source);
    for (let at = 0; at < bytes.length; at += 5 * MIB) child.stdin.write(bytes.subarray(at, at + 5 * MIB));
    child.stdin.end();
    const { code, out, err } = await ended;
    expect(code, err).to.equal(0);
    expect(out.toString()).to.match(/^uploaded piped\.bin: 40 MiB, generation 1/);
    expect(await storedSha256("piped.bin")).to.equal(sha256);
  });

  it("lists, deletes and restores", async () => {
    await writeFile(join(directory, "small.txt"), "small");
    expect((await run("upload", "small.txt", "dir/")).code).to.equal(0);
    expect((await run("upload", "small.txt", "dir/")).out.toString()).to.contain("generation 2");
    expect((await run("ls", "dir/")).out.toString()).to.match(
      /^ +5 B {2}\d{4}-\d\d-\d\d \d\d:\d\d +2 {2}dir\/small\.txt\n$/,
    );
    expect((await run("rm", "dir/small.txt")).out.toString()).to.match(
      /^deleted dir\/small\.txt, generation 2; .* until \d{4}-/,
    );
    expect((await run("ls", "dir/")).out.toString()).to.equal("");
    expect((await run("restore", "dir/small.txt")).out.toString()).to.contain(
      "restored dir/small.txt, generation 2, 5 B",
    );
    expect((await run("download", "dir/small.txt", ".")).code).to.equal(0);
    expect(await readFile(join(directory, "small.txt"), "utf8")).to.equal("small");
    expect(await stat(join(directory, "small.txt.part")).catch(() => "none")).to.equal("none");
  });

  it("makes links, lists and revokes them", async () => {
    await writeFile(join(directory, "linked.txt"), "linked");
    expect((await run("upload", "linked.txt", "l/")).code).to.equal(0);
    const created = await run(
      "link",
      "create",
      "l/linked.txt",
      "--lifetime",
      "12h",
      "--max-uses",
      "2",
      "--note",
      "for B",
    );
    expect(created.code, created.err).to.equal(0);
    const url = created.out.toString().trim();
    expect(await (await fetch(url, { headers: { connection: "close" } })).text()).to.equal("linked");
    const [, linkId = ""] = /sluice link revoke (\S+)`/.exec(created.err) ?? [];
    expect((await run("link", "ls", "l/linked.txt")).out.toString()).to.match(
      new RegExp(`^${linkId}  active +1/2  .*  l/linked\\.txt  \\(for B\\)\n$`),
    );
    expect((await run("link", "revoke", linkId)).out.toString()).to.equal(
      "revoked the link to l/linked.txt, used 1 times\n",
    );
    expect((await fetch(url, { headers: { connection: "close" } })).status).to.equal(410);
    expect((await run("link", "ls")).out.toString()).to.not.contain(linkId);
    const { out } = await run("link", "ls", "--ended", "--json");
    expect(JSON.parse(out.toString())).to.include({ linkId, state: "revoked", uses: 1, principal: "dev:local" });
    const tooLong = await run("link", "create", "l/linked.txt", "--lifetime", "8d");
    expect([tooLong.code, tooLong.err]).to.deep.equal([
      ...[1, "sluice: lifetime is 691200 s; a link of namespace default may live from 1 s to 604800 s\n"],
    ]);
    expect((await run("link", "create", "l/linked.txt", "--lifetime", "1")).code).to.equal(2);
  });

  it("makes upload tokens, and uploads by them alone", async () => {
    const options = ["--size-max", "10", "--uploads", "2", "--only-new", "--lifetime", "10m"];
    const made = await run("upload-token", "create", "tokens/", ...options);
    expect(made.code, made.err).to.equal(0);
    expect(made.err).to.match(
      /^allows 2 uploads of at most 10 B to paths below tokens\/, as new files, begun before \d{4}-/m,
    );
    const token = made.out.toString().trim();
    await writeFile(join(directory, "tiny.txt"), "tiny");
    await writeFile(join(directory, "long.txt"), "longer than ten");
    env.SLUICE_TOKEN = token;
    try {
      expect((await run("upload", "tiny.txt", "tokens/")).code).to.equal(0);
      expect((await run("upload", "tiny.txt", "tokens/")).err).to.contain("none was to be there");
      expect((await run("upload", "long.txt", "tokens/")).err).to.contain("at most 10 bytes");
      expect((await run("upload", "tiny.txt", "elsewhere/")).err).to.contain(
        'paths below "tokens/" in namespace default',
      );
      expect((await run("ls")).err).to.contain("an upload token only uploads");
      expect((await run("upload-token", "create", "tokens/")).err).to.contain("an upload token only uploads");
    } finally {
      env.SLUICE_TOKEN = stack.token;
    }
    const { out } = await run("upload-token", "create", "tokens/one.txt", "--json");
    const said = JSON.parse(out.toString());
    expect(said).to.include({ path: "tokens/one.txt", uploadsMax: 1, onlyNewFiles: false, principal: "dev:local" });
    expect(said.token).to.match(/^sluice-upload\.v1\./);
  });

  it("ends with 1, 2 or 75 and a sentence", async () => {
    const missing = await run("rm", "no/such/file");
    expect(missing.code).to.equal(1);
    expect(missing.err).to.match(/^sluice: .*no\/such\/file/);
    expect((await run("upload", "small.txt", "../up")).err).to.contain("path is not valid");
    expect((await run("upload", "small.txt", "killed.bin", "--if-generation-match", "0")).code).to.equal(1);
    expect((await run("frobnicate")).code).to.equal(2);
    const away = await run("ls", "--url", "http://127.0.0.1:1");
    expect(away.code).to.equal(75);
    expect(away.err).to.contain("is the service running");
    const stranger = await run("ls", "--url", stack.s3Url);
    expect([stranger.code, stranger.err.split("\n").length, stranger.out.toString()]).to.deep.equal([75, 2, ""]);
    expect(stranger.err).to.contain("no connection to the server");
  });

  it("ends by the signal that interrupts it, and continues afterwards", async () => {
    const child = start("upload", "-", "interrupted.bin");
    const ended = outcome(child);
    await new Promise<void>((resolve) => child.stdin.write(Buffer.alloc(MIB), () => resolve()));
    child.kill("SIGINT");
    const { signal, err } = await ended;
    expect(signal).to.equal("SIGINT");
    expect(err).to.contain("interrupted");
  });

  it("is no failure to be read only in part", async () => {
    const child = start("ls");
    child.stdout.destroy();
    child.stdin.end();
    const [code] = await once(child, "exit");
    expect(code).to.equal(0);
    const download = start("download", "piped.bin", "-");
    const err = text(download.stderr);
    await once(download.stdout, "data");
    download.stdout.destroy();
    const [downloadCode] = await once(download, "exit");
    expect([downloadCode, await err]).to.deep.equal([0, ""]);
  });

  it("uploads on when nobody reads what it says", async () => {
    const child = start("upload", source, "unread.bin", "--json");
    child.stdout.destroy();
    child.stderr.destroy();
    child.stdin.end();
    const [code] = await once(child, "exit");
    expect(code).to.equal(0);
    expect(await storedSha256("unread.bin")).to.equal(sha256);
  });
});
