import { PassThrough } from "node:stream";
import { expect } from "chai";
import { createSluiceClient, type SluiceClient } from "../../client/client.ts";
import { authenticateCallers } from "../../testing/rigs/callers/authenticate-callers.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { type RunningService, startService } from "../../testing/rigs/service/running-service.ts";
import { runCli, type ServerCommands } from "../program.ts";

describe("sluice operations", () => {
  let service: RunningService;
  const clients = new Map<string, SluiceClient>();
  const as = (name: string) => {
    const client = clients.get(name) ?? createSluiceClient({ url: service.url, token: name });
    clients.set(name, client);
    return client;
  };
  before(async () => {
    service = await startService({ settings: { SLUICE_ADMINS: "acme:root" }, authenticate: authenticateCallers });
    await as("root").setGrants("default", [
      { principal: "acme:owner", roles: ["reader", "writer", "deleter", "auditor", "admin"] },
      { principal: "acme:alice", roles: ["reader", "writer", "deleter"], prefixes: ["own/"] },
      { principal: "acme:bob", roles: ["reader"] },
    ]);
  });
  after(async () => {
    for (const client of clients.values()) client.close();
    await service?.stop();
  });

  const run = async (token: string, ...args: string[]) => {
    const [stdout, stderr] = [captureText(), captureText()];
    const env = { SLUICE_URL: service.url, SLUICE_TOKEN: token };
    const terminal = { stdout, stderr, stdin: new PassThrough(), env, signal: new AbortController().signal };
    const code = await runCli(["operations", ...args], terminal, {} as ServerCommands);
    return { code, out: stdout.text(), err: stderr.text() };
  };
  const storeDeleted = async (name: string, path: string) => {
    await as(name).upload(Buffer.from(path), path);
    await as(name).deleteFile(path);
  };

  it("start a purge, wait for its end and show it, to its starter and to an admin of the whole namespace", async () => {
    for (const path of ["own/a", "own/b"]) await storeDeleted("alice", path);
    await storeDeleted("owner", "others/a");
    const started = await run("alice", "purge", 'path = "*"');
    expect(started.code, started.err).to.equal(0);
    const id = started.out.trim();
    const waited = await run("alice", "wait", id);
    expect(waited.code, waited.err).to.equal(0);
    const line = new RegExp(
      `^${id} {2}StartPurge +\\S+ \\S+ {2}done +2 of 2 files purged, 0 kept by a hold or a retention {2}acme:alice\\n$`,
    );
    expect(waited.out).to.match(line);
    expect((await run("owner", "list")).out).to.match(line);
    const shown = await run("alice", "get", id, "--json");
    expect(JSON.parse(shown.out)).to.deep.include({
      name: `namespaces/default/operations/${id}`,
      done: true,
      response: { purge: { matched: 2, purged: 2, retained: 0 } },
    });
    expect((await as("owner").searchFiles({ filter: 'path = "others/*"', showDeleted: true })).files).to.have.lengthOf(
      1,
    );
  });

  it("start a copy, and show how far it has come", async () => {
    await as("alice").upload(Buffer.from("a copied file"), "own/source");
    const started = await run("alice", "copy", "own/source", "own/target");
    const id = started.out.trim();
    const waited = await run("alice", "wait", id, "--json");
    expect(waited.code, waited.err).to.equal(0);
    const { metadata, response } = JSON.parse(waited.out);
    expect(metadata).to.deep.include({ method: "StartCopy", copy: { copiedBytes: 13, sizeBytes: 13 } });
    const copied = await as("alice").getFile("own/target");
    expect(response).to.deep.equal({ copy: { fileId: copied.fileId, path: "own/target", generation: 1 } });
    expect((await run("alice", "get", id)).out).to.match(/ done +13 B of 13 B copied {2}acme:alice/);
    expect((await run("bob", "copy", "own/source", "own/other")).err).to.include("this needs the role writer");
  });

  it("are no business of others, and nobody starts one without the right", async () => {
    const id = (await run("alice", "purge", 'path = "own/*"')).out.trim();
    for (const args of [
      ["get", id],
      ["wait", id],
      ["cancel", id],
    ]) {
      const { code, err } = await run("bob", ...args);
      expect([code, err], args[0]).to.deep.equal([
        ...[
          1,
          `sluice: operation ${id} does not exist, or ended more than 7 days ago; ListOperations names those that do\n`,
        ],
      ]);
      expect((await run("stranger", ...args)).err).to.include('namespace "default" does not exist');
    }
    expect((await run("bob", "list")).out).to.equal("");
    expect((await run("bob", "purge", 'path = "*"')).err).to.include("this needs the role deleter");
    expect((await run("alice", "wait", id)).code).to.equal(0);
  });

  it("are ended by cancelling, which wait tells by its exit code", async () => {
    await storeDeleted("alice", "own/c");
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    service.s3.faults.add({ operation: "DeleteObject", fault: { kind: "hold", released } });
    const started = (await run("alice", "purge", 'path = "own/*"', "--include-superseded")).out.trim();
    const cancelled = await run("alice", "cancel", started);
    expect(cancelled.code, cancelled.err).to.equal(0);
    expect(cancelled.out).to.match(/ (ending|cancelled) /);
    release();
    const { code, out } = await run("alice", "wait", started);
    expect([code, out]).to.deep.include(1);
    expect(out).to.match(/ cancelled /);
    service.s3.faults.clear();
  });

  it("say what is wrong with a request", async () => {
    expect((await run("alice", "purge", " ")).err).to.include("filter is empty; say which files are to be purged");
    expect((await run("alice", "get", "7")).err).to.include("operation_id is not a UUID");
  });
});
