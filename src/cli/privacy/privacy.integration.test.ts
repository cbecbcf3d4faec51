import { PassThrough } from "node:stream";
import { expect } from "chai";
import { createSluiceClient, type SluiceClient } from "../../client/client.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";
import { runCli, type ServerCommands } from "../program.ts";

const JANE = "jane-7f3a";

describe("sluice privacy", () => {
  let service: RunningService;
  let client: SluiceClient;
  before(async () => {
    service = await startService();
    client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
  });
  after(() => service?.stop());

  const run = async (...args: string[]) => {
    const [stdout, stderr] = [captureText(), captureText()];
    const env = { SLUICE_URL: service.url, SLUICE_TOKEN: SERVICE_TOKEN };
    const terminal = { stdout, stderr, stdin: new PassThrough(), env, signal: new AbortController().signal };
    const code = await runCli(["privacy", ...args], terminal, {} as ServerCommands);
    return { code, out: stdout.text(), err: stderr.text() };
  };
  const exported = async () => {
    const { code, out, err } = await run("export", JANE);
    expect(code, err).to.equal(0);
    return out
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  };
  const upload = async (path: string) => {
    await client.upload(Buffer.from(path), path);
    return await client.updateFile(path, { dataSubject: JANE }, { updateMask: ["data_subject"] });
  };

  it("gives out all that is kept about a person, with the bytes, and erases it", async () => {
    const file = await upload("a/one.txt");
    await upload("a/one.txt");
    await upload("a/two.txt");
    await client.deleteFile("a/two.txt");
    const { link } = await client.createLink("a/one.txt");
    await client.upload(Buffer.from("other"), "other.txt");
    await until("the entries are numbered", async () =>
      (await exported()).some(({ entry }) => entry?.action === "CreateLink"),
    );
    const all = await exported();
    const files = all.flatMap(({ file: one }) => (one === undefined ? [] : [one]));
    expect(files.map(({ path, generation }) => `${path} ${generation}`).sort()).to.deep.equal([
      ...["a/one.txt 1", "a/one.txt 2", "a/two.txt 1"],
    ]);
    for (const { downloadUrl, path } of files) {
      expect(await (await fetch(downloadUrl)).text(), path).to.equal(path);
    }
    expect(all.flatMap(({ link: one }) => one?.linkId ?? [])).to.deep.equal([link.linkId]);
    // The entries of the files from before the person was named are theirs, too.
    const actions = all.flatMap(({ entry }) => (entry?.resourceId === file.fileId ? [entry.action] : []));
    expect(actions).to.include.members(["CommitUpload", "UpdateFile"]);

    const erased = JSON.parse((await run("erase", JANE, "--json")).out);
    expect(erased).to.include({ filesErased: 3, linksErased: 1, filesHeld: 0 });
    const again = await run("erase", JANE, "--request-id", erased.requestId);
    expect(again.out).to.match(/^erased: 3 files, 1 links, \d+ uploads; \d+ entries of the journal redacted\n$/);
    expect((await exported()).filter((item) => item.entry?.action !== "ExportDataSubject")).to.deep.equal([]);
    expect(await client.getFile("other.txt")).to.include({ path: "other.txt" });
  });

  it("reports what is held, in words", async () => {
    const { fileId } = await upload("held.txt");
    await client.updateFile("held.txt", { legalHold: true }, { updateMask: ["legal_hold"] });
    const { out, err } = await run("erase", JANE);
    expect(out).to.match(/^erased: 0 files/);
    expect(err).to.equal(`1 are held and were left: ${fileId}; erase again once they are released\n`);
  });

  it("says what is wrong with a request, over REST too", async () => {
    const post = (verb: string, json: object) =>
      callRest(`${service.url}/v1/namespaces/default/dataSubjects:${verb}`, {
        ...{ method: "POST", token: SERVICE_TOKEN, json },
      });
    expect((await post("erase", { dataSubject: "", requestId: crypto.randomUUID() })).body).to.include({
      reason: "ARGUMENT_INVALID",
    });
    expect((await post("erase", { dataSubject: JANE, requestId: "1" })).body).to.include({
      reason: "REQUEST_ID_INVALID",
    });
    expect((await post("export", { dataSubject: JANE, pageToken: "x" })).body).to.include({
      reason: "PAGE_TOKEN_INVALID",
    });
    expect((await run("export", "x".repeat(300))).code).to.equal(1);
  });
});
