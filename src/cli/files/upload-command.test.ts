import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { Code } from "@connectrpc/connect";
import { expect } from "chai";
import { LANES_AUTO, LANES_FROM_BYTES } from "../../client/uploads/lane-plan.ts";
import { type ScriptedServer, serviceError, startScriptedServer } from "../../testing/fakes/scripted-upload-server.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { runCli, type ServerCommands } from "../program.ts";

describe("sluice upload, when things go wrong", () => {
  let server: ScriptedServer;
  let directory: string;
  let env: Record<string, string>;

  beforeEach(async () => {
    server = await startScriptedServer();
    directory = await mkdtemp(join(tmpdir(), "sluice-upload-"));
    env = { SLUICE_URL: server.url, SLUICE_TOKEN: "secret", XDG_STATE_HOME: directory };
  });
  afterEach(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const [stdout, stderr] = [captureText(), captureText()];
    const terminal = { stdout, stderr, stdin: new PassThrough(), env, signal: new AbortController().signal };
    const code = await runCli(args, terminal, {} as ServerCommands);
    return { code, out: stdout.text(), err: stderr.text() };
  }

  async function source(content: Uint8Array = Buffer.from("bytes")): Promise<string> {
    const path = join(directory, "source.bin");
    await writeFile(path, content);
    return path;
  }

  it("uses lanes by itself for a large file, and says why it is refused", async () => {
    const large = await source(Buffer.alloc(1));
    await truncate(large, LANES_FROM_BYTES);
    const refusal = serviceError(Code.PermissionDenied, "HOLD");
    for (let i = 0; i < LANES_AUTO; i++) server.scripts.push({ act: refusal, afterBytes: 1 });
    const { code, err } = await run("upload", large);
    expect(code).to.equal(1);
    expect(err).to.contain("scripted HOLD");
    expect(server.starts.filter(({ lane }) => lane !== undefined)).to.have.length(LANES_AUTO);
  });

  it("tells in its progress what the last failure was", async () => {
    server.scripts.push({ act: serviceError(Code.Unavailable, "STORAGE_UNAVAILABLE", { message: "storage rests" }) });
    const { out } = await run("upload", await source(Buffer.alloc(5 * 64 * 1024)), "--json");
    expect(out).to.contain('"failures":1,"failure":"storage rests"');
  });

  it("says why it tries again, once for each reason, without a bar too, and not for what is final", async () => {
    const full = serviceError(Code.Unavailable, "STORAGE_FULL", { message: "storage is full" });
    const gone = serviceError(Code.Unavailable, "DATABASE_UNAVAILABLE", { message: "the database rests" });
    server.scripts.push({ act: full }, { act: full }, { act: gone });
    const { code, err } = await run("upload", await source());
    expect(code).to.equal(0);
    expect(err).to.equal("trying again: storage is full\ntrying again: the database rests\n");
    server.scripts.push({ act: serviceError(Code.PermissionDenied, "HOLD", { message: "not you" }) });
    const refused = await run("upload", await source(Buffer.from("other bytes")));
    expect(refused.err).to.contain("not you").and.not.contain("trying again");
  });

  it("goes on to the next of several addresses, and names all when none answers", async () => {
    env.SLUICE_URL = `http://127.0.0.1:1, ${server.url}`;
    expect(await run("upload", await source())).to.include({ code: 0 });
    env.SLUICE_URL = "http://127.0.0.1:1,http://127.0.0.1:2";
    const { code, err } = await run("ls");
    expect(code).to.equal(75);
    expect(err).to.match(
      /^sluice: gave up after 4 tries at http:\/\/127.0.0.1:1 and http:\/\/127.0.0.1:2: no connection.*\n$/,
    );
  });
});
