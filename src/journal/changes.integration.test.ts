import { expect } from "chai";
import { createJournal } from "../postgres/journal/journal.ts";
import { createJournalRelay } from "../postgres/journal/journal-relay.ts";
import { createDatabasePool } from "../postgres/pool/pool.ts";
import { TEST_TOKEN_KEYS } from "../testing/rigs/authenticate-upload-tokens.ts";
import { callRest } from "../testing/rigs/rest-client.ts";
import { SERVICE_TOKEN } from "../testing/rigs/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { UploadRig } from "../testing/rigs/upload-rig.ts";

describe("The journal of a service", function () {
  this.timeout(120_000);
  let rig: UploadRig;
  let pool: Awaited<ReturnType<typeof createDatabasePool>>;
  before(async () => {
    rig = await UploadRig.start({ settings: { SLUICE_TOKEN_KEYS: JSON.stringify(TEST_TOKEN_KEYS.slice(0, 1)) } });
    pool = await createDatabasePool("test", { url: rig.service.databaseUrl });
  });
  after(async () => {
    await pool.end();
    await rig.stop();
  });
  const call = async (method: string, route: string, json?: unknown) => {
    const url = `${rig.service.url}/v1/namespaces/default/${route}`;
    const answer = await callRest(url, { method, token: SERVICE_TOKEN, ...(json !== undefined && { json }) });
    expect(answer.status, JSON.stringify(answer.body)).to.be.lessThan(400);
    return answer.body;
  };
  /** The entries of what `work` does, once they have their numbers. */
  const entriesOf = async (work: () => Promise<unknown>, count: number) => {
    const journal = createJournal(pool);
    await createJournalRelay(pool).numberNew();
    const after = await journal.lastSequence();
    await work();
    await until(`${count} entries`, async () => (await journal.lastSequence()) >= after + count);
    return await journal.read({ namespace: "default", after, limit: 100 });
  };

  it("has an entry for each change of a file, with who made it and what it was", async () => {
    const entries = await entriesOf(async () => {
      await rig.client.upload(Buffer.from("one"), "a.txt");
      await call("PATCH", "files/a.txt", { labels: { team: "tax" } });
      await call("POST", "files/a.txt:copy", { targetPath: "copy.txt" });
      await call("POST", "files/a.txt:move", { targetPath: "b.txt" });
      await call("DELETE", "files/b.txt");
      await call("POST", "files/b.txt:undelete", {});
      await rig.client.upload(Buffer.from("two"), "b.txt");
      await call("POST", "files/b.txt:restoreGeneration", { generation: "1" });
      await call("DELETE", "files/copy.txt");
      await call("POST", "files/copy.txt:purge", {});
    }, 14);
    const shown = entries.map(({ action, outcome, resource, tokenKind, personal }) => {
      const { actor, path, sourcePath, before, after } = personal!;
      expect([outcome, tokenKind]).to.deep.equal(["done", actor === "service" ? "service" : "dev"]);
      expect(resource.id).to.match(/^[0-9a-f-]{36}$/);
      return [action, actor, resource.kind, resource.generation ?? 0, path, sourcePath, before ?? null, after ?? null];
    });
    const dev = "dev:local";
    expect(shown).to.deep.equal([
      ["CreateUpload", dev, "upload", 0, "a.txt", "", null, null],
      ["CommitUpload", dev, "file", 1, "a.txt", "", null, null],
      ["UpdateFile", dev, "file", 1, "a.txt", "", { labels: {} }, { labels: { team: "tax" } }],
      ["CopyFile", dev, "upload", 0, "copy.txt", "", null, null],
      ["CopyFile", dev, "file", 1, "copy.txt", "a.txt", null, null],
      ["MoveFile", dev, "file", 1, "b.txt", "a.txt", { generation: 1 }, { generation: 1 }],
      ["DeleteFile", dev, "file", 1, "b.txt", "", null, null],
      ["UndeleteFile", dev, "file", 1, "b.txt", "", null, null],
      ["CreateUpload", dev, "upload", 0, "b.txt", "", null, null],
      ["CommitUpload", dev, "file", 2, "b.txt", "", null, null],
      ["RestoreGeneration", dev, "file", 3, "b.txt", "b.txt", { generation: 1 }, { generation: 3 }],
      ["DeleteFile", dev, "file", 1, "copy.txt", "", null, null],
      ["PurgeFile", dev, "file", 1, "copy.txt", "", null, null],
      ["RemoveBytes", "service", "file", 1, "copy.txt", "", null, null],
    ]);
    expect(
      entries.every(({ personal }) => personal?.actor === "service" || personal?.address === "127.0.0.1"),
    ).to.equal(true);
  });

  it("has an entry for each change of a link, and for each use", async () => {
    await rig.client.upload(Buffer.from("linked"), "linked.txt");
    const entries = await entriesOf(async () => {
      const { url, link } = await call("POST", "links", { path: "linked.txt" });
      expect((await callRest(url)).status).to.equal(302);
      await call("DELETE", `links/${link.linkId}`);
      // It is revoked already: nothing changes.
      await call("DELETE", `links/${link.linkId}`);
    }, 3);
    const [created, used, revoked] = entries;
    expect(entries.map(({ action, resource }) => [action, resource.kind])).to.deep.equal([
      ["CreateLink", "link"],
      ["UseLink", "link"],
      ["RevokeLink", "link"],
    ]);
    expect(used).to.deep.include({ tokenKind: "link" });
    expect(used?.personal).to.deep.include({ actor: `link:${created?.resource.id}`, path: "linked.txt" });
    expect(revoked?.personal?.actor).to.equal("dev:local");
  });

  it("has an entry for each upload token that is made, with what it allows", async () => {
    const [made, ...others] = await entriesOf(async () => {
      await call("POST", "uploadTokens", { prefix: "inbox/", uploadsMax: 3, onlyNewFiles: true, lifetime: "60s" });
      // Refused, so its entry comes through the queue, behind any that the token's call would have had there.
      await callRest(`${rig.service.url}/v1/namespaces/default/files/nowhere.txt`, {
        method: "DELETE",
        token: SERVICE_TOKEN,
      });
    }, 2);
    expect(others.map(({ action, outcome }) => [action, outcome])).to.deep.equal([["DeleteFile", "FILE_NOT_FOUND"]]);
    expect(made).to.deep.include({ action: "CreateUploadToken", outcome: "done", tokenKind: "dev" });
    expect(made?.resource).to.deep.include({ kind: "upload-token" });
    expect(made?.personal).to.deep.include({ actor: "dev:local", address: "127.0.0.1", path: "inbox/" });
    expect(made?.personal?.after).to.deep.include({ uploadsMax: 3, onlyNewFiles: true });
    expect(made?.personal?.after).to.have.keys("sizeMaxBytes", "uploadsMax", "onlyNewFiles", "expireTime");
  });

  it("has an entry for each change of a namespace, with the values before and after", async () => {
    const grants = [{ principal: "corp:anna", roles: ["ROLE_READER"] }];
    const entries = await entriesOf(async () => {
      const url = `${rig.service.url}/v1/namespaces/default`;
      const options = { token: SERVICE_TOKEN } as const;
      expect((await callRest(`${url}/grants`, { ...options, method: "PUT", json: { grants } })).status).to.equal(200);
      const json = { linkLifetimeMax: "3600s" };
      const updated = await callRest(`${url}?updateMask=linkLifetimeMax`, { ...options, method: "PATCH", json });
      expect(updated.status, JSON.stringify(updated.body)).to.equal(200);
    }, 2);
    const [granted, updated] = entries;
    expect(granted).to.deep.include({ action: "SetGrants", namespace: "default" });
    expect(granted?.personal?.before).to.deep.equal({ grants: [] });
    const grant = { member: { principal: "corp:anna" }, roles: ["reader"], prefixes: [] };
    expect(granted?.personal?.after).to.deep.equal({ grants: [grant] });
    expect(updated?.personal?.after).to.deep.equal({ linkLifetimeMaxMs: 3_600_000 });
    expect(updated?.personal?.before).to.deep.equal({ linkLifetimeMaxMs: 604_800_000 });
  });

  it("tells whom a file is about in each of its entries, also where its bytes are removed", async () => {
    const entries = await entriesOf(async () => {
      await rig.client.upload(Buffer.from("about"), "about.txt");
      await call("PATCH", "files/about.txt", { dataSubject: "person-7" });
      await call("DELETE", "files/about.txt");
      await call("POST", "files/about.txt:purge", {});
    }, 6);
    const about = entries.map(({ action, personal }) => [action, personal?.dataSubject]);
    expect(about.slice(2)).to.deep.equal([
      ["UpdateFile", "person-7"],
      ["DeleteFile", "person-7"],
      ["PurgeFile", "person-7"],
      ["RemoveBytes", "person-7"],
    ]);
  });

  it("has one entry for a command that is repeated, and one for what is refused afterwards", async () => {
    const requestId = crypto.randomUUID();
    await rig.client.upload(Buffer.from("once"), "once.txt");
    const entries = await entriesOf(async () => {
      const url = `${rig.service.url}/v1/namespaces/default/files/once.txt`;
      const headers = { "idempotency-key": requestId };
      for (let time = 0; time < 3; time++)
        expect((await callRest(url, { method: "DELETE", token: SERVICE_TOKEN, headers })).status).to.equal(200);
      expect((await callRest(url, { method: "DELETE", token: SERVICE_TOKEN })).status).to.equal(404);
    }, 2);
    const [done, refused] = entries;
    expect(done).to.deep.include({ action: "DeleteFile", outcome: "done", requestId });
    expect(refused).to.deep.include({ action: "DeleteFile", outcome: "FILE_NOT_FOUND", times: 1 });
    expect(refused?.requestId).not.to.equal(requestId);
    expect(entries).to.have.length(2);
  });
});
