import { crc32 } from "node:zlib";
import { expect } from "chai";
import type { RECORDED_CALLS, RecordedMethod } from "../domain/journal/recorded-calls.ts";
import { createJournal } from "../postgres/journal/journal.ts";
import { createJournalRelay } from "../postgres/journal/journal-relay.ts";
import { createDatabasePool } from "../postgres/pool/pool.ts";
import { TEST_TOKEN_KEYS } from "../testing/rigs/callers/authenticate-upload-tokens.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

/** The methods that change something, or let somebody do it. */
type ChangingMethod =
  | { [M in RecordedMethod]: (typeof RECORDED_CALLS)[M] extends "failures" | "denials" ? M : never }[RecordedMethod]
  | ("signParts" | "createDownloadUrl");

describe("The journal of a service", () => {
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
    await until(`${count} entries`, async () => {
      await createJournalRelay(pool).numberNew();
      return (await journal.lastSequence()) >= after + count;
    });
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
    await call("PATCH", "files/linked.txt", { dataSubject: "person-8" });
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
    expect(entries.map(({ personal }) => personal?.dataSubject)).to.deep.equal(Array(3).fill("person-8"));
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

  it("has the entry of each change once: the calls that make it are not recorded besides", async () => {
    const file = async (path: string, text = path) => await rig.client.upload(Buffer.from(text), path);
    const upload = async (path: string) => (await rig.client.createUpload(path, { sizeBytes: 5n })).uploadId;
    const purged = ["PurgeFile", "RemoveBytes"];
    for (const path of ["changed", "restored", "deleted", "linked", "deleted-and-found"]) await file(path);
    await file("restored", "again");
    const [completed, aborted, signed] = [await upload("completed"), await upload("aborted"), await upload("signed")];
    const part = { partNumber: 1, data: Buffer.from("bytes").toString("base64"), crc32: crc32(Buffer.from("bytes")) };
    const { link } = await call("POST", "links", { path: "linked" });
    // No event happens below the prefix, so nothing is sent.
    const receiver = { webhookUrl: "https://receiver.example.com/hook", pathPrefix: "nothing/" };
    const subscribe = async () => (await call("POST", "subscriptions", receiver)).subscription.subscriptionId as string;
    const [updated, redelivered, unsubscribed] = [await subscribe(), await subscribe(), await subscribe()];
    const admin = async (method: string, route: string, json?: object) => {
      const url = `${rig.service.url}/v1/namespaces${route}`;
      const answer = await callRest(url, { method, token: SERVICE_TOKEN, ...(json && { json }) });
      expect(answer.status, JSON.stringify(answer.body)).to.be.lessThan(400);
    };
    const other = { name: "other", bucket: "other-bucket", region: "eu-central-1" };
    const calls: Record<ChangingMethod, { call: () => Promise<unknown>; entries: string[] }> = {
      createUpload: { call: () => upload("created"), entries: ["CreateUpload"] },
      beginWrite: { call: () => file("written"), entries: ["CreateUpload", "CommitUpload"] },
      signParts: {
        call: () =>
          call("POST", `uploads/${signed}:signParts`, { parts: [{ partNumber: 1, sizeBytes: "5", crc32: 1 }] }),
        entries: ["SignParts"],
      },
      writePart: { call: () => call("POST", `uploads/${completed}:writePart`, part), entries: [] },
      completeUpload: { call: () => rig.client.completeUpload(completed), entries: ["CommitUpload"] },
      abortUpload: { call: () => rig.client.abortUpload(aborted), entries: ["AbortUpload"] },
      createUploadToken: {
        call: () => call("POST", "uploadTokens", { prefix: "inbox/", uploadsMax: 3, lifetime: "60s" }),
        entries: ["CreateUploadToken"],
      },
      createDownloadUrl: { call: () => rig.client.createDownloadUrl("changed"), entries: ["CreateDownloadUrl"] },
      updateFile: { call: () => call("PATCH", "files/changed", { labels: { a: "b" } }), entries: ["UpdateFile"] },
      copyFile: { call: () => rig.client.copyFile("changed", "copied"), entries: ["CopyFile", "CopyFile"] },
      moveFile: { call: () => rig.client.moveFile("changed", "moved"), entries: ["MoveFile"] },
      restoreGeneration: { call: () => rig.client.restoreGeneration("restored", 1n), entries: ["RestoreGeneration"] },
      deleteFile: { call: () => rig.client.deleteFile("deleted"), entries: ["DeleteFile"] },
      undeleteFile: { call: () => call("POST", "files/deleted:undelete", {}), entries: ["UndeleteFile"] },
      purgeFile: { call: () => rig.client.purgeFile("restored", { generation: 2n }), entries: purged },
      purgeFiles: {
        call: () => call("POST", "files:purge", { filter: 'path = "deleted-and-found"', includeLive: true }),
        entries: ["PurgeFiles/delete", "PurgeFiles", "RemoveBytes"],
      },
      createLink: { call: () => call("POST", "links", { path: "linked" }), entries: ["CreateLink"] },
      revokeLink: { call: () => call("DELETE", `links/${link.linkId}`), entries: ["RevokeLink"] },
      createSubscription: { call: subscribe, entries: ["CreateSubscription"] },
      updateSubscription: {
        call: () => call("PATCH", `subscriptions/${updated}`, { newSecret: true }),
        entries: ["UpdateSubscription"],
      },
      eraseDataSubject: {
        call: () => call("POST", "dataSubjects:erase", { dataSubject: "nobody" }),
        entries: ["EraseDataSubject"],
      },
      redeliverEvents: {
        call: () => call("POST", `subscriptions/${redelivered}:redeliver`, { onlyNew: true }),
        entries: ["RedeliverEvents"],
      },
      deleteSubscription: {
        call: () => call("DELETE", `subscriptions/${unsubscribed}`),
        entries: ["DeleteSubscription"],
      },
      createNamespace: { call: () => admin("POST", "", other), entries: ["CreateNamespace"] },
      updateNamespace: {
        call: () => admin("PATCH", "/other?updateMask=retention", { retention: "86400s" }),
        entries: ["UpdateNamespace"],
      },
      setGrants: { call: () => admin("PUT", "/other/grants", { grants: [] }), entries: ["SetGrants"] },
      deleteNamespace: { call: () => admin("DELETE", "/other"), entries: ["DeleteNamespace"] },
    };
    const [relay, journal] = [createJournalRelay(pool), createJournal(pool)];
    await relay.numberNew();
    const after = await journal.lastSequence();
    for (const { call: change } of Object.values(calls)) await change();
    // Refused, so its entry comes through the queue, behind any that the changes would have had there.
    await rig.client.deleteFile("nowhere").catch(() => {});
    let actions: string[] = [];
    await until("the entries of all", async () => {
      await relay.numberNew();
      actions = (await journal.read({ after, limit: 100 })).map(({ action, outcome }) => `${action} ${outcome}`);
      return actions.includes("DeleteFile FILE_NOT_FOUND");
    });
    const expected = Object.values(calls).flatMap(({ entries }) => entries.map((action) => `${action} done`));
    expect(actions.sort()).to.deep.equal([...expected, "DeleteFile FILE_NOT_FOUND"].sort());
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
