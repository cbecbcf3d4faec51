import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { crc32 } from "node:zlib";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { expect } from "chai";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import type { FileSchema } from "../../gen/sluice/v1/file_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { type ScriptedServer, serviceError, startScriptedServer } from "../testing/fakes/scripted-upload-server.ts";
import { captureText } from "../testing/rigs/capture-text.ts";
import { runCli, type ServerCommands } from "./program.ts";

const bytes = Buffer.from("the bytes of the file");
const when = timestampFromDate(new Date(2026, 10, 24, 9, 5));
const file = (path: string, more: MessageInitShape<typeof FileSchema> = {}): MessageInitShape<typeof FileSchema> => ({
  path,
  namespace: "default",
  fileId: "f",
  generation: 3n,
  sizeBytes: BigInt(bytes.length),
  crc32: crc32(bytes),
  createTime: when,
  updateTime: when,
  ...more,
});

describe("sluice", () => {
  let server: ScriptedServer;
  let storage: Server;
  let directory: string;
  let stdin: PassThrough;
  let interruption: AbortController;
  let env: Record<string, string>;
  let asked: unknown[];

  before(async () => {
    storage = createServer((_request, response) => response.end(bytes));
    await new Promise<void>((resolve) => storage.listen(0, "127.0.0.1", resolve));
  });
  after(() => storage.close());

  beforeEach(async () => {
    const url = `http://127.0.0.1:${(storage.address() as AddressInfo).port}/x`;
    server = await startScriptedServer({
      routes: (router) =>
        router
          .service(FileQueryService, {
            searchFiles: (request) => {
              asked.push(request);
              const files = [file("s/1"), file("s/2", { supersedeTime: when })];
              return request.pageToken === "" ? { files, nextPageToken: "next" } : { files: [file("s/3")] };
            },
            listGenerations: ({ path }) => ({
              files: [file(path), file(path, { generation: 2n, supersedeTime: when })],
            }),
            listFiles: ({ prefix, pageToken, showDeleted, delimiter }) =>
              delimiter === "/"
                ? { files: [file("a"), file("c")], folders: ["b/"] }
                : pageToken === ""
                  ? { files: [file(`${prefix}1`)], nextPageToken: "next" }
                  : {
                      files: [file(`${prefix}2`, showDeleted ? { deleteTime: when, sha256: new Uint8Array(32) } : {})],
                    },
          })
          .service(FileCommandService, {
            createDownloadUrl: ({ path }) => ({ url, file: file(path) }),
            deleteFile: ({ path, ifGenerationMatch }) => {
              if (path === "none") throw serviceError(Code.NotFound, "FILE_NOT_FOUND", { message: 'no file "none"' });
              return { file: file(path, { deleteTime: when, purgeTime: when, generation: ifGenerationMatch ?? 3n }) };
            },
            updateFile: (request) => {
              asked.push(request.updateMask?.paths);
              const { path = "", labels, legalHold = false, retainUntilTime, generation } = request.file ?? {};
              const until = retainUntilTime === undefined ? {} : { retainUntilTime };
              const kept = { legalHold, ...until, generation: generation || 3n };
              return { file: file(path, { labels: { kept: "yes", ...labels }, ...kept }) };
            },
            undeleteFile: ({ path }) => ({ file: file(path) }),
            restoreGeneration: ({ path, generation }) => ({ file: file(path, { generation: generation + 2n }) }),
            moveFile: (request) => {
              asked.push(request.ifTargetGenerationMatch);
              return { file: file(request.targetPath) };
            },
            copyFile: (request) => {
              asked.push([request.generation, request.ifTargetGenerationMatch]);
              return { file: file(request.targetPath) };
            },
            purgeFile: ({ path, generation }) => ({ file: file(path, { purged: true, generation: generation ?? 3n }) }),
          }),
    });
    directory = await mkdtemp(join(tmpdir(), "sluice-cli-"));
    stdin = new PassThrough();
    asked = [];
    interruption = new AbortController();
    env = { SLUICE_URL: server.url, SLUICE_TOKEN: "secret", XDG_STATE_HOME: join(directory, "state") };
  });

  afterEach(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function run(...args: string[]) {
    const stdout = captureText();
    const stderr = captureText();
    const ran: string[] = [];
    const commands: ServerCommands = {
      serve: async () => void ran.push("serve"),
      migrate: async () => void ran.push("migrate"),
      config: async () => (await import("./configuration/config-actions.ts")).CONFIG_COMMANDS,
      reconcile: async (_terminal, { repair, olderThanDays }) => ran.push(`reconcile ${repair} ${olderThanDays}`) > 2,
      doctor: async (_terminal, { json }) => ran.push(`doctor ${json}`) > 1,
    };
    const code = await runCli(args, { stdout, stderr, stdin, env, signal: interruption.signal }, commands);
    return { code, out: stdout.text(), err: stderr.text(), ran };
  }

  const source = async (content: string | Buffer = bytes, name = "source.bin") => {
    const path = join(directory, name);
    await writeFile(path, content);
    return path;
  };

  describe("upload", () => {
    it("prints a line with the receipt", async () => {
      const { code, out, err } = await run("upload", await source());
      expect(out).to.match(/^uploaded source.bin: 21 B, generation 1, CRC32 [0-9a-f]{8}, .*\/s\n$/);
      expect({ code, err }).to.deep.equal({ code: 0, err: "" });
    });

    it("uploads below a path that ends in a slash, with type, metadata and conditions", async () => {
      const options = [
        "--content-type",
        "text/plain",
        "--meta",
        "a=1",
        "--meta",
        "b=x=y",
        "--label",
        "team=legal",
        "--if-generation-match",
        "0",
        "--sha256",
      ];
      expect((await run("upload", await source(), "to/", ...options)).code).to.equal(0);
      const target = server.starts[0]?.target;
      if (target?.case !== "create") throw new Error("no upload was created");
      expect(target.value.labels).to.deep.equal({ team: "legal" });
      expect(target.value).to.include({
        path: "to/source.bin",
        contentType: "text/plain",
        ifGenerationMatch: 0n,
        computeSha256: true,
      });
      expect(target.value.metadata).to.deep.equal({ a: "1", b: "x=y" });
    });

    it("guesses the type by the extension of the path, or else of the file", async () => {
      stdin.end("{}");
      await run("upload", "-", "a.json");
      await run("upload", await source("1,2", "table.csv"), "table");
      await run("upload", await source("?", "table"), "other");
      const types = server.starts.map(({ target }) => target.case === "create" && target.value.contentType);
      expect(types).to.deep.equal(["application/json", "text/csv", "application/octet-stream"]);
    });

    it("takes standard input", async () => {
      stdin.end("from a pipe");
      expect((await run("upload", "-", "piped", "--size-hint", "11")).code).to.equal(0);
      expect(Buffer.concat(server.uploads[0]?.durable ?? []).toString()).to.equal("from a pipe");
    });

    it("prints JSON lines, the receipt last", async () => {
      const { out } = await run("upload", await source(), "--json");
      const lines = out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(lines[0]).to.include({ type: "progress", phase: "connecting", committed: false });
      expect(lines.at(-1)).to.include({ type: "receipt", path: "source.bin", sizeBytes: 21, generation: 1 });
      expect(lines.at(-1)).to.include({ resumedBytes: 0 });
    });

    it("continues, in another process, what was cut, and forgets it once it is committed", async () => {
      const path = await source(Buffer.alloc(3 * 64 * 1024, "abc"));
      server.scripts.push({ act: serviceError(Code.Internal, "INTERNAL"), afterBytes: 2 * 64 * 1024 });
      const cut = await run("upload", path);
      expect(cut.code).to.equal(1);
      expect(cut.err).to.contain("the same command continues upload upload-1");
      const continued = await run("upload", path);
      expect(continued.code).to.equal(0);
      expect(continued.out).to.match(/\/s after 128 KiB that were there before\n$/);
      expect(server.uploads).to.have.length(1);
      await run("upload", path);
      expect(server.uploads).to.have.length(2);
    });

    it("begins anew with --no-resume", async () => {
      const path = await source(Buffer.alloc(3 * 64 * 1024, "abc"));
      server.scripts.push({ act: serviceError(Code.Internal, "INTERNAL"), afterBytes: 2 * 64 * 1024 });
      await run("upload", path);
      await run("upload", path, "--no-resume");
      expect(server.uploads).to.have.length(2);
    });

    it("sends by as many lanes as it is told", async () => {
      const content = Buffer.alloc(5 * 64 * 1024, "abc");
      expect((await run("upload", await source(content), "--lanes", "3")).code).to.equal(0);
      expect(server.starts.filter(({ lane }) => lane !== undefined)).to.have.length(3);
      expect(Buffer.concat(server.uploads[0]?.durable ?? []).equals(content)).to.equal(true);
      server.starts.length = 0;
      expect((await run("upload", await source(content), "--lanes", "auto")).code).to.equal(0);
      expect(server.starts.map(({ lane }) => lane)).to.deep.equal([undefined]);
    });

    it("says what is kept when the user interrupts", async () => {
      server.scripts.push({ act: "silence", afterBytes: 1 });
      const running = run("upload", await source(Buffer.alloc(5 * 64 * 1024)));
      while (server.chunks.length === 0) await new Promise((resolve) => setImmediate(resolve));
      interruption.abort(new Error("interrupted"));
      const { code, err } = await running;
      expect(code).to.equal(1);
      expect(err).to.contain("continues upload upload-1").and.to.contain("interrupted");
    });
  });

  describe("download", () => {
    it("writes the file here, to a file, or into a directory", async () => {
      const target = join(directory, "target");
      const { code, out } = await run("download", "a/b", target);
      expect(code).to.equal(0);
      expect(out).to.match(/^downloaded a\/b to .*target: 21 B, generation \d+, CRC32 [0-9a-f]{8}/);
      expect((await readFile(target)).equals(bytes)).to.equal(true);
      await run("download", "a/b", directory, "--generation", "3");
      expect((await readFile(join(directory, "b"))).equals(bytes)).to.equal(true);
    });

    it("writes the bytes alone to standard output", async () => {
      expect((await run("download", "a/b", "-")).out).to.equal(bytes.toString());
      const both = await run("download", "a/b", "-", "--json");
      expect(both.code).to.equal(2);
    });

    it("prints the file as JSON", async () => {
      const { out } = await run("download", "a/b", join(directory, "target"), "--json");
      expect(JSON.parse(out.trim().split("\n").at(-1) ?? "")).to.include({ type: "file", path: "a/b", sizeBytes: 21 });
    });

    it("says what it keeps when it fails", async () => {
      const target = join(directory, "target");
      await writeFile(`${target}.part`, bytes.subarray(0, 5));
      const { code, err } = await run("download", "a/b", target);
      expect(code).to.equal(1);
      expect(err).to.contain("5 B are kept in").and.to.contain("storage refuses");
    });
  });

  describe("ls, rm and restore", () => {
    it("lists all pages as a table or as JSON", async () => {
      const { out } = await run("ls", "p/");
      expect(out).to.equal("      21 B  2026-11-24 09:05     3  p/1\n      21 B  2026-11-24 09:05     3  p/2\n");
      expect((await run("ls", "--deleted")).out).to.contain("2  (deleted)");
      const lines = (await run("ls", "--json", "--deleted")).out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(lines[0]).to.include({ path: "1", sizeBytes: 21, generation: 3 });
      expect(lines[1].sha256).to.equal("0".repeat(64));
    });

    it("says what was deleted and how it comes back", async () => {
      const { out } = await run("rm", "a/b", "--if-generation-match", "3");
      expect(out).to.equal("deleted a/b, generation 3; `sluice restore a/b` brings it back until 2026-11-24 09:05\n");
      expect((await run("restore", "a/b", "--generation", "2")).out).to.equal("restored a/b, generation 4, 21 B\n");
      expect((await run("restore", "a/b")).out).to.equal("restored a/b, generation 3, 21 B\n");
      expect(JSON.parse((await run("rm", "a", "--json")).out)).to.include({ path: "a" });
      expect(JSON.parse((await run("restore", "a", "--json")).out)).to.include({ path: "a" });
    });

    it("tells the service's error in one line, and as an object with --json", async () => {
      const { code, err, out } = await run("rm", "none", "--json");
      expect(code).to.equal(1);
      expect(err).to.equal('sluice: no file "none"\n');
      expect(JSON.parse(out)).to.include({ type: "error", code: "not_found", reason: "FILE_NOT_FOUND", exitCode: 1 });
    });
  });

  describe("mv, cp, hold and purge", () => {
    it("moves and copies, over a file only where it may", async () => {
      expect((await run("mv", "a", "b/c")).out).to.equal("moved a to b/c, generation 3\n");
      await run("mv", "a", "b", "--no-clobber");
      expect((await run("cp", "a", "b")).out).to.equal("copied a to b, generation 3, 21 B\n");
      await run("cp", "a", "b", "--no-clobber", "--generation", "2");
      expect(asked).to.deep.equal([undefined, 0n, [undefined, undefined], [2n, 0n]]);
      expect(JSON.parse((await run("mv", "a", "b", "--json")).out)).to.include({ path: "b" });
    });

    it("keeps a file, and says what does", async () => {
      expect((await run("hold", "a")).out).to.equal("a, generation 3, is under a legal hold of the record alone\n");
      expect((await run("hold", "a", "--lift", "--generation", "2")).out).to.equal(
        "a, generation 2, is kept by nothing\n",
      );
      const until = await run("hold", "a", "--until", "2030-12-31T23:59");
      expect(until.out).to.equal("a, generation 3, is kept until 2030-12-31 23:59\n");
      expect(asked).to.deep.equal([["legal_hold"], ["legal_hold"], ["retain_until_time"]]);
    });

    it("purges", async () => {
      const { out } = await run("purge", "a", "--generation", "2");
      expect(out).to.equal("purged a, generation 2: its bytes are gone\n");
      expect(JSON.parse((await run("purge", "a", "--json")).out)).to.include({ purged: true, generation: 3 });
    });
  });

  describe("search, generations and label", () => {
    const row = (path: string) => `      21 B  2026-11-24 09:05     3  ${path}\n`;

    it("shows folders among files with --folders", async () => {
      expect((await run("ls", "--folders")).out).to.equal(`${row("a")}${" ".repeat(36)}b/\n${row("c")}`);
      expect((await run("ls", "--folders", "--json")).out).to.contain('{"folder":"b/"}\n');
    });

    it("searches by words, filter and order, page by page", async () => {
      const options = ["--filter", 'labels.team = "legal"', "--order", "size_bytes desc", "--deleted"];
      const { out } = await run("search", "annual", "report", ...options);
      expect(out).to.equal(`${row("s/1")}${row("s/2  (superseded)")}${row("s/3")}`);
      expect(asked[0]).to.deep.include({
        query: "annual report",
        filter: 'labels.team = "legal"',
        orderBy: "size_bytes desc",
        showDeleted: true,
      });
    });

    it("stops searching at its limit", async () => {
      expect((await run("search", "a", "--limit", "1")).out).to.equal(row("s/1"));
      expect(asked).to.have.length(1);
      expect((await run("search", "a", "--limit", "0")).out).to.equal("");
    });

    it("lists generations", async () => {
      const { out } = await run("generations", "a/b");
      expect(out.split("\n")[1]).to.contain("2  a/b  (superseded)");
      expect(JSON.parse((await run("generations", "a/b", "--json")).out.split("\n")[1] ?? "")).to.have.property(
        "supersedeTime",
      );
    });

    it("sets and removes labels, and says which there are", async () => {
      const { out } = await run("label", "a/b", "team=legal=x", "old-one-", "empty=");
      expect(out).to.equal("labels of a/b: empty=, kept=yes, team=legal=x\n");
      expect(asked).to.deep.equal([["labels.team", "labels.old-one", "labels.empty"]]);
    });
  });

  describe("when it is used wrongly", () => {
    for (const [args, sentence] of [
      [["upload"], "missing required argument"],
      [["nonsense"], "unknown command"],
      [["ls", "--nonsense"], "unknown option"],
      [["upload", "-"], "standard input has no name"],
      [["upload", "x", "--meta", "novalue"], '"novalue" is no metadata'],
      [["upload", "x", "--label", "novalue"], '"novalue" is no label'],
      [["label", "x", "novalue"], '"novalue" changes no label'],
      [["upload", "x", "--lanes", "0"], 'Give "auto" or 1 to 16'],
      [["restore", "x", "--generation", "-1"], "Give a whole number"],
      [["ls", "--url", "ftp://x"], '"ftp://x" is no address of a service'],
      [["ls", "--url", "http://x,"], '"" is no address of a service'],
      [["mv", "x"], "missing required argument 'target'"],
      [["hold", "x", "--until", "tomorrow"], '"tomorrow" is no time'],
      [["hold", "x", "--until", "2030-01-01", "--lift"], "--lift is of the hold alone"],
      [["ls", "--ca", "/nonexistent"], "cannot be read: ENOENT"],
    ] as const) {
      it(`ends \`sluice ${args.join(" ")}\` with 2 and a sentence`, async () => {
        const { code, err } = await run(...args);
        expect(code).to.equal(2);
        expect(err).to.contain(sentence);
      });
    }

    it("says that the token is not set", async () => {
      delete env.SLUICE_TOKEN;
      const { code, err, out } = await run("ls", "--json");
      expect(code).to.equal(2);
      expect(err).to.contain("SLUICE_TOKEN is not set");
      expect(JSON.parse(out)).to.include({ type: "error", code: "invalid_argument", exitCode: 2 });
    });
  });

  it("shows help, and ends well", async () => {
    const { code, out } = await run("--help");
    expect(out).to.match(/^The AWS configuration of a bucket, from nothing to a file:\n {2}\$ sluice config init /);
    expect(code).to.equal(0);
    for (const command of ["upload", "download", "ls", "rm", "restore", "serve", "migrate", "doctor"])
      expect(out).to.contain(command);
  });

  it("prints its version", async () => {
    const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
    expect(await run("--version")).to.include({ code: 0, out: `${version}\n` });
  });

  it("shows the help of every command, and refuses what is no option of it", async () => {
    const commands = [
      "upload",
      "download",
      "watch",
      "ls",
      "rm",
      "restore",
      "serve",
      "migrate",
      "doctor",
      "reconcile",
      "config",
    ];
    const configs = ["init", "generate", "explain", "env", "verify"].map((name) => ["config", name]);
    const links = ["create", "ls", "revoke"].map((name) => ["link", name]);
    const others = [...configs, ...links, ["upload-token", "create"]];
    for (const command of [...commands.map((name) => [name]), ...others]) {
      const help = await run(...command, "--help");
      expect(help.code, command.join(" ")).to.equal(0);
      expect(help.out).to.contain(`Usage: sluice ${command.join(" ")}`);
      const wrong = await run(...command, "--nonsense");
      expect(wrong.code, command.join(" ")).to.equal(2);
      expect(wrong.err).to.contain("unknown option '--nonsense'");
    }
    const nothing = await run();
    expect(nothing.code).to.equal(2);
    expect(nothing.err).to.contain("Usage: sluice");
  });

  it("advises about a wrong token", async () => {
    env.SLUICE_TOKEN = "wrong";
    const { code, err } = await run("upload", await source());
    expect(code).to.equal(1);
    expect(err).to.contain("set SLUICE_TOKEN");
  });

  it("ends with 75 when the service is away", async () => {
    env.SLUICE_URL = "http://127.0.0.1:1";
    const { code, err } = await run("ls");
    expect(code).to.equal(75);
    expect(err).to.contain("is the service running");
  });

  it("lets doctor --remote ask a service, and not the environment", async () => {
    env.SLUICE_URL = "http://127.0.0.1:1";
    const { code, out, ran } = await run("doctor", "--remote");
    expect(ran).to.deep.equal([]);
    expect(code).to.equal(1);
    expect(out).to.equal(
      "PROBLEM  service: http://127.0.0.1:1 does not answer (ECONNREFUSED)\n         docs/runbook.md#no-replica-ready\n",
    );
  });

  it("hands serve, migrate, doctor and reconcile to the server's side", async () => {
    expect(await run("serve")).to.deep.include({ code: 0, ran: ["serve"] });
    expect(await run("migrate")).to.deep.include({ code: 0, ran: ["migrate"] });
    expect(await run("doctor", "--json")).to.deep.include({ code: 1, ran: ["doctor true"] });
    expect(await run("reconcile", "--repair")).to.deep.include({ code: 1, ran: ["reconcile true 7"] });
  });
});
