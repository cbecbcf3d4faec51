import { randomUUID } from "node:crypto";
import { expect } from "chai";
import type { JournalEntry } from "../domain/journal/journal-entry.ts";
import { createJournal } from "../postgres/journal/journal.ts";
import { createJournalRelay } from "../postgres/journal/journal-relay.ts";
import { createDatabasePool } from "../postgres/pool/pool.ts";
import { authenticateCallers } from "../testing/rigs/callers/authenticate-callers.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

describe("What the journal of a service says of uploads", () => {
  const bytes = seededBytes(3 * PART_BYTES);
  let rig: UploadRig;
  let pool: Awaited<ReturnType<typeof createDatabasePool>>;
  before(async () => {
    rig = await UploadRig.start({ authenticate: authenticateCallers, settings: { SLUICE_ADMINS: "acme:root" } });
    pool = await createDatabasePool("test", { url: rig.service.databaseUrl });
    const roles = ["ROLE_READER", "ROLE_WRITER"];
    const grants = ["service-token", "ben"].map((name) => ({ principal: `acme:${name}`, roles }));
    expect(await rest("root", "PUT", "grants", { grants })).to.include({ status: 200 });
  });
  after(async () => {
    await pool.end();
    await rig.stop();
  });
  afterEach(() => rig.service.s3.faults.clear());
  const rest = async (token: string, method: string, route: string, json: unknown) =>
    await callRest(`${rig.service.url}/v1/namespaces/default/${route}`, { method, token, json });
  /** The entries of a path, once there is one that `isLast`. */
  const entriesOf = async (path: string, isLast: (entry: JournalEntry) => boolean): Promise<JournalEntry[]> => {
    let entries: JournalEntry[] = [];
    await until(`the last entry of ${path}`, async () => {
      await createJournalRelay(pool).numberNew();
      entries = (await createJournal(pool).read({ namespace: "default", after: 0, limit: 1000 })).filter(
        ({ personal }) => personal?.path === path,
      );
      return entries.some(isLast);
    });
    return entries;
  };
  const isCommit = ({ action, resource }: JournalEntry) => action.startsWith("Co") && resource.kind === "file";
  /** Sends all bytes of an upload, and has nobody commit it. */
  const seal = async (path: string) => {
    const call = rig.create({ path }).sendBytes(bytes);
    const { uploadId } = await call.started();
    expect((await call.send({ finish: { commit: false } }).status).code).to.equal(0);
    return uploadId;
  };
  const complete = async (uploadId: string, requestId: string) =>
    await rest("ben", "POST", `uploads/${uploadId}:complete`, { requestId });

  describe("the entry of a commit", () => {
    it("names who completes the upload, also when another has created it", async () => {
      const [path, requestId] = ["completed-by-ben", randomUUID()];
      expect(await complete(await seal(path), requestId)).to.include({ status: 200 });
      const [created, committed] = await entriesOf(path, isCommit);
      expect(created?.personal).to.include({ actor: "acme:service-token" });
      expect(committed).to.include({ action: "CommitUpload", tokenKind: "oidc", requestId });
      expect(committed?.personal).to.include({ actor: "acme:ben", address: "127.0.0.1" });
    });

    it("names whose stream finishes, with the request that created the upload in that stream", async () => {
      const requestId = randomUUID();
      const call = rig.create({ path: "streamed", requestId }).sendBytes(bytes);
      await call.send({ finish: {} }).committed();
      const entries = await entriesOf("streamed", isCommit);
      expect(entries.map((entry) => [entry.action, entry.requestId, entry.personal?.actor])).to.deep.equal([
        ["CreateUpload", requestId, "acme:service-token"],
        ["CommitUpload", requestId, "acme:service-token"],
      ]);
    });

    it("names who wanted the commit, when the sweeper goes on with it", async () => {
      const [path, requestId] = ["swept", randomUUID()];
      const uploadId = await seal(path);
      const fault = { kind: "status", status: 500, code: "InternalError" } as const;
      rig.service.s3.faults.add({ operation: "CompleteMultipartUpload", times: 100, fault });
      expect(await complete(uploadId, requestId)).to.include({ status: 503 });
      rig.service.s3.faults.clear();
      expect(await rig.sweep({ stuckAfterMs: 0 })).to.include({ committed: 1 });
      const committed = (await entriesOf(path, isCommit)).find(isCommit);
      expect(committed).to.include({ action: "CommitUpload", requestId });
      expect(committed?.personal).to.include({ actor: "acme:ben" });
    });

    it("names who copies", async () => {
      const requestId = randomUUID();
      await rig.client.upload(Buffer.from("original"), "original");
      const copied = await rest("ben", "POST", "files/original:copy", { targetPath: "copy", requestId });
      expect(copied).to.include({ status: 200 });
      const committed = (await entriesOf("copy", isCommit)).find(isCommit);
      expect(committed).to.include({ action: "CopyFile", requestId });
      expect(committed?.personal).to.include({ actor: "acme:ben", sourcePath: "original" });
    });
  });

  describe("a stream that fails after it has begun", () => {
    const failures: [name: string, reason: string, send: (path: string) => Promise<unknown>][] = [
      [
        "by a wrong checksum",
        "CHECKSUM_MISMATCH",
        async (path) => {
          const call = rig.create({ path, dataSubject: "person-9" }).sendBytes(bytes);
          await call.send({ finish: { crc32: 1 } }).status;
        },
      ],
      [
        "by a precondition that does not hold at the commit",
        "GENERATION_MISMATCH",
        async (path) => {
          const call = rig.create({ path, dataSubject: "person-9", ifGenerationMatch: 0n }).sendBytes(bytes);
          await call.started();
          await rig.client.upload(Buffer.from("other"), path);
          await call.send({ finish: {} }).status;
        },
      ],
    ];
    for (const [name, reason, send] of failures) {
      it(`has an entry with the reason: ${name}`, async () => {
        await send(`failed/${reason}`);
        const entries = await entriesOf(`failed/${reason}`, ({ action }) => action === "WriteUpload");
        const failed = entries.filter(({ action }) => action === "WriteUpload");
        expect(failed.map(({ outcome, resource, times }) => [outcome, resource.kind, times])).to.deep.equal([
          [reason, "upload", 1],
        ]);
        const [created] = entries;
        expect(failed[0]).to.deep.include({ resource: created?.resource, requestId: created?.requestId });
        expect(failed[0]?.personal).to.include({ actor: "acme:service-token", dataSubject: "person-9" });
      });
    }

    it("has an entry of a body over REST with another checksum than it declares", async () => {
      const url = `${rig.service.url}/v1/namespaces/default/files/failed/rest`;
      const headers = { "x-sluice-crc32": "00000001" };
      const answer = await callRest(url, { method: "PUT", token: "ben", body: "bytes", headers });
      expect(answer.body).to.include({ reason: "CHECKSUM_MISMATCH" });
      const isFailed = ({ outcome }: JournalEntry) => outcome === "CHECKSUM_MISMATCH";
      const failed = (await entriesOf("failed/rest", isFailed)).filter(isFailed);
      expect(failed.map(({ action, personal }) => [action, personal?.actor])).to.deep.equal([
        ["WriteUpload", "acme:ben"],
      ]);
    });

    it("has none when its caller goes away: the upload waits for them to go on", async () => {
      const path = "left";
      const call = rig.create({ path }).sendBytes(bytes);
      const { uploadId } = await call.started();
      call.reset();
      await until("the stream has settled", () => rig.service.app.load.sessions === 0);
      await rig.complete(uploadId, bytes);
      // Refused, so its entry comes through the queue, behind any that the stream would have had there.
      expect(await rest("ben", "POST", `files/${path}:undelete`, {})).not.to.include({ status: 200 });
      const entries = await entriesOf(path, ({ action }) => action === "UndeleteFile");
      expect(entries.map(({ action, outcome }) => `${action} ${outcome}`).slice(0, 2)).to.deep.equal([
        "CreateUpload done",
        "CommitUpload done",
      ]);
      expect(entries.filter(({ action }) => action === "WriteUpload")).to.deep.equal([]);
    });
  });
});
