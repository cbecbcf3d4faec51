import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { expect } from "chai";
import { captureText } from "../testing/rigs/capture-text.ts";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import {
  cliEnvironment,
  expectContinued,
  hangPart,
  outcomeOf,
  startCli,
  untilStuckAfter,
} from "../testing/rigs/uploads/cli-process.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";
import { runCli, type ServerCommands } from "./program.ts";

const TOKEN_KEY = Buffer.from("an upload token's key of 32 bytes").toString("base64");

describe("sluice, against a service", () => {
  let directory: string;
  let rig: UploadRig;
  let env: Record<string, string>;
  let source: string;
  const bytes = seededBytes(10 * PART_BYTES + 7);

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-cli-"));
    rig = await UploadRig.start({ settings: { SLUICE_TOKEN_KEYS: JSON.stringify([TOKEN_KEY]) } });
    env = cliEnvironment(rig.service.url, directory);
    source = join(directory, "source.bin");
    await writeFile(source, bytes);
    for (const [name, words] of Object.entries({ small: "small", tiny: "tiny", long: "longer than ten" }))
      await writeFile(join(directory, `${name}.txt`), words);
  });
  after(async () => {
    await rig?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const file = (name: string) => join(directory, `${name}.txt`);

  /** Runs a command within the process of the test. */
  async function run(...args: string[]) {
    const [stdout, stderr, stdin] = [captureText(), captureText(), new PassThrough().end()];
    const { signal } = new AbortController();
    const code = await runCli(args, { stdout, stderr, stdin, env, signal }, {} as ServerCommands);
    return { code, out: stdout.text(), err: stderr.text() };
  }

  it("lists, deletes and restores", async () => {
    expect((await run("upload", file("small"), "dir/")).code).to.equal(0);
    expect((await run("upload", file("small"), "dir/")).out).to.contain("generation 2");
    expect((await run("ls", "dir/")).out).to.match(/^ +5 B {2}\d{4}-\d\d-\d\d \d\d:\d\d +2 {2}dir\/small\.txt\n$/);
    expect((await run("rm", "dir/small.txt")).out).to.match(/^deleted dir\/small\.txt, generation 2; .* until \d{4}-/);
    expect((await run("ls", "dir/")).out).to.equal("");
    expect((await run("restore", "dir/small.txt")).out).to.contain("restored dir/small.txt, generation 2, 5 B");
    const copy = join(directory, "copy.txt");
    expect((await run("download", "dir/small.txt", copy)).code).to.equal(0);
    expect(await readFile(copy, "utf8")).to.equal("small");
    expect(await stat(`${copy}.part`).catch(() => "none")).to.equal("none");
  });

  it("makes links, lists and revokes them", async () => {
    expect((await run("upload", file("small"), "l/linked.txt")).code).to.equal(0);
    const options = ["--lifetime", "12h", "--max-uses", "2", "--note", "for B"];
    const created = await run("link", "create", "l/linked.txt", ...options);
    expect(created.code, created.err).to.equal(0);
    const open = () => fetch(created.out.trim(), { headers: { connection: "close" } });
    expect(await (await open()).text()).to.equal("small");
    const [, linkId = ""] = /sluice link revoke (\S+)`/.exec(created.err) ?? [];
    expect((await run("link", "ls", "l/linked.txt")).out).to.match(
      new RegExp(`^${linkId}  active +1/2  .*  l/linked\\.txt  \\(for B\\)\n$`),
    );
    expect((await run("link", "revoke", linkId)).out).to.equal("revoked the link to l/linked.txt, used 1 times\n");
    expect((await open()).status).to.equal(410);
    expect((await run("link", "ls")).out).to.not.contain(linkId);
    const { out } = await run("link", "ls", "--ended", "--json");
    expect(JSON.parse(out)).to.include({ linkId, state: "revoked", uses: 1, principal: "dev:local" });
    const { code, err } = await run("link", "create", "l/linked.txt", "--lifetime", "8d");
    const tooLong = "sluice: lifetime is 691200 s; a link of namespace default may live from 1 s to 604800 s\n";
    expect([code, err]).to.deep.equal([1, tooLong]);
    expect((await run("link", "create", "l/linked.txt", "--lifetime", "1")).code).to.equal(2);
  });

  it("makes upload tokens, and uploads by them alone", async () => {
    const options = ["--size-max", "10", "--uploads", "2", "--only-new", "--lifetime", "10m"];
    const made = await run("upload-token", "create", "tokens/", ...options);
    expect(made.code, made.err).to.equal(0);
    expect(made.err).to.match(
      /^allows 2 uploads of at most 10 B to paths below tokens\/, as new files, begun before \d{4}-/m,
    );
    const one = JSON.parse((await run("upload-token", "create", "tokens/one.txt", "--json")).out);
    expect(one).to.include({ path: "tokens/one.txt", uploadsMax: 1, onlyNewFiles: false, principal: "dev:local" });
    expect(one.token).to.match(/^sluice-upload\.v1\./);
    const { SLUICE_TOKEN = "" } = env;
    env.SLUICE_TOKEN = made.out.trim();
    try {
      expect((await run("upload", file("tiny"), "tokens/")).code).to.equal(0);
      for (const [args, sentence] of [
        [["upload", file("tiny"), "tokens/"], "none was to be there"],
        [["upload", file("long"), "tokens/"], "at most 10 bytes"],
        [["upload", file("tiny"), "elsewhere/"], 'paths below "tokens/" in namespace default'],
        [["ls"], "an upload token only uploads"],
        [["upload-token", "create", "tokens/"], "an upload token only uploads"],
      ] as const)
        expect((await run(...args)).err).to.contain(sentence);
    } finally {
      env.SLUICE_TOKEN = SLUICE_TOKEN;
    }
  });

  describe("as a process", () => {
    const start = (...args: string[]) => startCli(args, { cwd: directory, env });

    it("continues, when run again, an upload whose process was killed", async () => {
      hangPart(rig, 3);
      const first = start("upload", source, "killed.bin");
      const uploadId = await untilStuckAfter(2, rig, directory);
      first.kill("SIGKILL");
      await outcomeOf(first);
      const { code, out, err } = await outcomeOf(start("upload", source, "killed.bin", "--json"));
      expect(code, err).to.equal(0);
      const receipt = JSON.parse(out.trim().split("\n").at(-1) ?? "");
      expect(receipt).to.include({ type: "receipt", path: "killed.bin", sizeBytes: bytes.length, generation: 1 });
      await expectContinued(uploadId, { rig, directory, path: "killed.bin", bytes });
    });

    it("continues by lanes, when run again, what lanes of a killed process began", async () => {
      hangPart(rig, 9);
      const first = start("upload", source, "lanes.bin", "--lanes", "4");
      const uploadId = await untilStuckAfter(8, rig, directory);
      first.kill("SIGKILL");
      await outcomeOf(first);
      const { code, out, err } = await run("upload", source, "lanes.bin", "--lanes", "4");
      expect(code, err).to.equal(0);
      expect(out).to.match(/^uploaded lanes\.bin: 640 KiB, generation 1/);
      await expectContinued(uploadId, { rig, directory, path: "lanes.bin", bytes });
    });

    it("uploads standard input of unknown length", async () => {
      const child = start("upload", "-", "piped.bin");
      const ended = outcomeOf(child);
      for (let at = 0; at < bytes.length; at += 100_000) child.stdin.write(bytes.subarray(at, at + 100_000));
      child.stdin.end();
      const { code, out, err } = await ended;
      expect(code, err).to.equal(0);
      expect(out).to.match(/^uploaded piped\.bin: 640 KiB, generation 1/);
      expect((await rig.download("piped.bin")).equals(bytes)).to.equal(true);
    });

    it("ends with 1 or 75 and a sentence", async () => {
      const missing = start("rm", "no/such/file");
      const stranger = start("ls", "--url", rig.service.endpoint.url);
      const outcomes = await Promise.all([missing, stranger].map(outcomeOf));
      expect(outcomes.map(({ code, out }) => [code, out])).to.deep.equal([
        [1, ""],
        [75, ""],
      ]);
      expect(outcomes[0]?.err).to.match(/^sluice: .*no\/such\/file/);
      expect(outcomes[1]?.err).to.match(/^.*no connection to the server.*\n$/);
    });

    it("ends by the signal that interrupts it", async () => {
      const child = start("upload", "-", "interrupted.bin");
      const ended = outcomeOf(child);
      await new Promise<void>((resolve) => child.stdin.write(Buffer.alloc(2 ** 20), () => resolve()));
      child.kill("SIGINT");
      const { signal, err } = await ended;
      expect(signal).to.equal("SIGINT");
      expect(err).to.contain("interrupted");
    });

    it("is no failure to be read only in part, and uploads on when nobody reads what it says", async () => {
      await rig.client.upload(seededBytes(4 * 2 ** 20), "large.bin");
      const listing = start("ls");
      listing.stdout.destroy();
      const download = start("download", "large.bin", "-");
      const err = text(download.stderr);
      const upload = start("upload", source, "unread.bin", "--json");
      for (const output of [upload.stdout, upload.stderr]) output.destroy();
      const exits = [listing, download, upload].map((child) => once(child, "exit"));
      await once(download.stdout, "data");
      download.stdout.destroy();
      expect((await Promise.all(exits)).map(([code]) => code)).to.deep.equal([0, 0, 0]);
      expect(await err).to.equal("");
      expect((await rig.download("unread.bin")).equals(bytes)).to.equal(true);
    });
  });
});
