import { expect } from "chai";
import { sql } from "slonik";
import { z } from "zod";
import { DomainError } from "../../domain/errors.ts";
import { isHeldInStorage } from "../../domain/files/file.ts";
import { continueErasures, reapplyErasures } from "../../jobs/erase-subjects.ts";
import { createJournalWriter } from "../../postgres/journal/journal-writer.ts";
import { createErasureRepository } from "../../postgres/privacy/erasures.ts";
import { FakeObjectStore } from "../../testing/fakes/fake-object-store.ts";
import { createDatabaseOn, type TestDatabase } from "../../testing/rigs/database/postgres.ts";
import { executeOn } from "../../testing/rigs/database/postgres-form.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import {
  createOpen,
  nextIdentity,
  nextUuid,
  RETENTION_MS,
  TEST_ACTOR,
} from "../../testing/rigs/database/repository-subject.ts";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { catchError, SAMPLE_BYTES, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { settleHold } from "../files/settle-hold.ts";
import { eraseDataSubject } from "./erase-data-subject.ts";

const JANE = "jane-7f3a";
const namespaces = sampleNamespaces({ bucket: "bucket", keyPrefix: "default/" });
const namespace = { name: "default", bucket: "bucket", keyPrefix: "default/" };

describe("the erasure of a person", () => {
  type Subject = Awaited<ReturnType<typeof createPostgresSubject>>;
  let subject: Subject;
  let objects: FakeObjectStore;
  beforeEach(async () => {
    subject = await createPostgresSubject();
    objects = new FakeObjectStore({ lockedBuckets: ["bucket"] });
  });
  afterEach(() => subject.close());

  const accessOf = ({ files, uploads, pools }: Subject) => ({
    files,
    uploads,
    objects,
    erasures: createErasureRepository(pools.commands),
    namespaces,
  });
  const erase = (dataSubject = JANE, requestId = nextUuid(), parts: Partial<ReturnType<typeof accessOf>> = {}) =>
    eraseDataSubject(
      { ...accessOf(subject), ...parts },
      { requestId, namespace: "default", dataSubject },
      { caller: SAMPLE_CALLER },
    );
  const runJob = (of = subject) => continueErasures(accessOf(of), { namespace, signal: new AbortController().signal });
  const about = (dataSubject: string, path: string) => ({
    ...{ path, dataSubject, labels: { of: dataSubject }, metadata: { who: dataSubject } },
    s3Key: `default/${nextUuid()}`,
  });
  /** A generation whose bytes are stored. */
  const store = async (path: string, dataSubject = JANE) => {
    const upload = await createOpen(subject, about(dataSubject, path));
    const key = `${upload.s3Key}.1`;
    objects.overwrite("bucket", key, Buffer.from(SAMPLE_BYTES));
    const head = await objects.head("bucket", key);
    if (head === undefined) throw new Error("the bytes are not stored");
    const object = { ...head, key, crc32: head.crc32 as number, sha256: undefined };
    const outcome = await subject.uploads.commits.commit(upload.uploadId, {
      ...{ fileId: nextUuid(), retentionMs: RETENTION_MS, object, retainMs: 86_400_000 },
    });
    return outcome.upload.file as NonNullable<typeof outcome.upload.file>;
  };
  const change = (path: string, changes: object) =>
    subject.files.update("default", path, {
      identity: nextIdentity({ method: "UpdateFile" }),
      change: (file) => ({ ...file, ...changes }),
    });
  const link = (
    path: string,
    fileId: string,
    { generation, note = JANE }: { generation?: number; note?: string } = {},
  ) =>
    subject.links.create(
      {
        ...{ linkId: nextUuid(), namespace: "default", path, generation, principal: "dev:tester", fileId },
        ...{ downloadName: `${note}.txt`, inline: false, note, maxUses: 0 },
        ...{
          tokenSha256: Buffer.from(nextUuid().replaceAll("-", "").repeat(2), "hex"),
          expiry: { afterMs: 86_400_000 },
        },
      },
      nextIdentity({ method: "CreateLink" }),
    );
  /** Tables of which a row says a text, with how many do. */
  const findText = async (text: string, { pools } = subject) => {
    const tables = await pools.commands.any(
      sql.type(z.object({ name: z.string() }))`
        SELECT c.relname AS name FROM pg_class c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`,
    );
    const found: Record<string, number> = {};
    for (const { name } of tables) {
      const count = await pools.commands.oneFirst(
        sql.type(z.object({ count: z.int() }))`
          SELECT count(*) FROM ${sql.identifier([name])} t WHERE t::text LIKE ${`%${text}%`}`,
      );
      if (count > 0) found[name] = count;
    }
    return found;
  };
  const countEntries = async (action: string) =>
    await subject.pools.commands.oneFirst(
      sql.type(z.object({ count: z.int() }))`SELECT count(*) FROM journal_entry WHERE action = ${action}`,
    );
  /** Everything that can be about Jane, and something of somebody else. */
  const storeAll = async () => {
    const path = `people/${JANE}/a.txt`;
    const first = await store(path);
    await link(path, first.fileId, { generation: 1 });
    await store(path);
    await link(path, (await subject.files.get("default", path)).fileId);
    const gone = await store(`people/${JANE}/gone.txt`);
    await change(gone.path, { retainUntilTime: fromNow(-60_000) }).catch(() => {});
    const moved = await store(`people/${JANE}/b.txt`);
    await subject.files.move("default", moved.path, {
      ...{
        identity: nextIdentity({ method: "MoveFile" }),
        targetPath: `people/${JANE}/c.txt`,
        retentionMs: RETENTION_MS,
      },
    });
    const renamed = await store("shared/paper.txt");
    await change(renamed.path, { dataSubject: "somebody", labels: {}, metadata: {} });
    const open = await createOpen(subject, about(JANE, `people/${JANE}/open.txt`));
    const other = await store("people/john/a.txt", "john-1");
    await link(other.path, other.fileId, { note: "john" });
    return { first, open, other };
  };

  it("leaves no row that names them, all proofs, and everything of everybody else", async () => {
    const { open, other } = await storeAll();
    const entriesBefore = await subject.pools.commands.oneFirst(
      sql.type(z.object({ count: z.int() }))`SELECT count(*) FROM journal_entry`,
    );
    const erasure = await erase();
    expect(erasure).to.deep.include({ filesErased: 4, linksErased: 2, filesHeld: 0, heldFileIds: [], dataSubject: "" });
    expect(erasure.endTime).to.be.instanceOf(Date);
    expect(erasure.uploadsErased).to.equal(6);
    expect(await findText(JANE)).to.deep.equal({});
    expect((await subject.uploads.catalogue.get("default", open.uploadId)).upload).to.include({ state: "aborted" });
    expect(await subject.files.get("default", other.path)).to.deep.equal(other);
    expect(objects.keys.filter((key) => !key.startsWith("default/erasures/"))).to.have.lengthOf(2);
    const notes = objects.keys.filter((key) => key.startsWith("default/erasures/"));
    expect(notes.map((key) => objects.bytesOf("bucket", key)?.toString()).join()).to.not.contain(JANE);
    const kept = await subject.pools.commands.any(
      sql.type(z.object({ action: z.string(), after: z.any() }))`
        SELECT e.action, p.after FROM journal_entry e JOIN journal_personal p USING (entry_time, entry_id)
        WHERE e.action IN ('RedactEntries', 'EraseDataSubject')`,
    );
    const redacted = kept.flatMap(({ after }) => after.entry_ids ?? []);
    expect(redacted).to.have.lengthOf(erasure.entriesRedacted);
    expect(new Set(redacted).size).to.equal(redacted.length);
    const ended = kept.find(({ action }) => action === "EraseDataSubject");
    expect(ended?.after).to.deep.include({ erasure_id: erasure.erasureId, files: 4, entries: redacted.length });
    const without = await subject.pools.commands.oneFirst(
      sql.type(z.object({ count: z.int() }))`
        SELECT count(*) FROM journal_entry e WHERE NOT EXISTS (
          SELECT FROM journal_personal p WHERE p.entry_time = e.entry_time AND p.entry_id = e.entry_id)`,
    );
    expect(without, "the rows of the entries stay").to.equal(redacted.length);
    expect(await countEntries("CommitUpload"), "no entry is gone").to.equal(6);
    expect(entriesBefore).to.be.greaterThan(10);
  });

  it("is the same for the same request, and nothing for somebody whom nobody knows", async () => {
    await store("a.txt");
    const requestId = nextUuid();
    const erasure = await erase(JANE, requestId);
    expect(await erase(JANE, requestId)).to.deep.equal(erasure);
    const nobody = await erase("nobody");
    expect(nobody).to.include({ filesErased: 0, uploadsErased: 0, linksErased: 0, entriesRedacted: 0 });
    expect(nobody.endTime).to.be.instanceOf(Date);
    for (const [name, reason] of [
      ["", "ARGUMENT_INVALID"],
      ["x".repeat(257), "ARGUMENT_INVALID"],
    ] as const) {
      expect(await catchError(() => erase(name))).to.include({ code: "invalid_argument", reason });
    }
  });

  it("leaves what a legal hold keeps, or storage, and reports it; and erases it once it is released", async () => {
    const [held, locked, free] = [await store("held.txt"), await store("locked.txt"), await store("free.txt")];
    const kept = await settleHold({ files: subject.files, objects }, await change(held.path, { legalHold: true }));
    expect(isHeldInStorage(kept)).to.equal(true);
    await objects.setLegalHold("bucket", locked.s3Key, { versionId: locked.s3VersionId, isHeld: true });
    const erasure = await erase();
    expect(erasure).to.include({ filesErased: 1, filesHeld: 2 });
    expect(erasure.heldFileIds).to.have.members([held.fileId, locked.fileId]);
    expect(await subject.files.get("default", held.path)).to.deep.equal(kept);
    expect(objects.keys).to.include.members([held.s3Key, locked.s3Key]).and.not.include(free.s3Key);
    const notes = objects.keys.filter((key) => key.startsWith("default/erasures/"));
    const noted = notes.map((key) => objects.bytesOf("bucket", key)?.toString()).join();
    expect(noted).to.contain(free.fileId).and.not.contain(held.fileId);
    await settleHold({ files: subject.files, objects }, await change(held.path, { legalHold: false }));
    await objects.setLegalHold("bucket", locked.s3Key, { versionId: locked.s3VersionId, isHeld: false });
    expect(await erase()).to.include({ filesErased: 2, filesHeld: 0 });
    expect(await findText(JANE)).to.deep.equal({});
  });

  it("goes on by itself, or by the same request, where it was cut off", async () => {
    let failPut = () => false;
    const { beginPut } = objects;
    objects.beginPut = (...asked) => {
      if (failPut()) throw new DomainError("unavailable", "storage is away", { reason: "STORAGE_UNAVAILABLE" });
      return beginPut.apply(objects, asked);
    };
    // Storage is away before the first note, before the second, and while bytes are removed.
    for (const [index, operation] of (["first", "second", "delete", "delete"] as const).entries()) {
      for (let count = 0; count < 3; count++) await store(`${index}/${JANE}/${count}`);
      if (operation === "delete") {
        objects.faults.add("delete", { kind: "fail" });
        objects.faults.add("head", { kind: "fail" });
      } else {
        let notes = 0;
        const failsAt = operation === "first" ? 1 : 2;
        failPut = () => ++notes >= failsAt;
      }
      const requestId = nextUuid();
      expect(await catchError(() => erase(JANE, requestId)), operation).to.include({ code: "unavailable" });
      objects.faults.clear();
      failPut = () => false;
      const other = await catchError(() => erase("somebody else", requestId));
      expect(other, operation).to.include({ reason: "REQUEST_ID_REUSED" });
      if (index % 2 === 0) expect(await runJob()).to.equal(1);
      const erasure = await erase(JANE, requestId);
      expect(erasure).to.include({ filesErased: 3, filesHeld: 0 });
      expect(await findText(JANE), operation).to.deep.equal({});
    }
  });

  it("reaches entries of reads that are written late", async () => {
    const { fileId, path } = await store(`people/${JANE}/a.txt`);
    await erase();
    const entry = {
      ...{
        namespace: "default",
        action: "GetFile",
        outcome: "done",
        actor: TEST_ACTOR,
        time: fromNow(-60_000),
        times: 3,
      },
      ...{ resource: { kind: "file", id: fileId, generation: 1 } as const, path, dataSubject: JANE },
    };
    await createJournalWriter(subject.pools.commands).enter([entry]);
    expect(await findText(JANE)).to.have.keys("journal_personal");
    expect(await runJob()).to.equal(0);
    expect(await findText(JANE)).to.deep.equal({});
  });

  it("waits for a commit that is under way, and then erases its file", async () => {
    const upload = await createOpen(subject, about(JANE, "late.txt"));
    const object = { key: `${upload.s3Key}.1`, versionId: "", etag: "e", sizeBytes: 1, crc32: 1, sha256: undefined };
    await subject.uploads.commits.assemble(upload.uploadId, object);
    expect((await erase()).endTime).to.equal(undefined);
    await subject.uploads.commits.commit(upload.uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object });
    expect(await runJob()).to.equal(1);
    expect(await findText(JANE)).to.deep.equal({});
  });

  it("is done again in a database that was restored from before it, and once", async () => {
    await storeAll();
    const { url, adminUrl } = subject;
    await subject.pools.end();
    const server = new URL(adminUrl);
    const template = server.pathname.slice(1);
    server.pathname = "/postgres";
    // A database that is copied may have no session, and a pooler keeps them.
    await executeOn(
      server.href,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${template}'`,
    );
    const restored = await createDatabaseOn(server.href, { name: `${template}_restored`, template });
    const reopen = (database: TestDatabase) => createPostgresSubject(async () => database);
    subject = await reopen({ url, adminUrl, drop: async () => {} });
    const { erasureId } = await erase();
    await subject.close();
    subject = await reopen(restored);
    expect(await findText(JANE)).to.not.deep.equal({});
    const again = () => reapplyErasures(accessOf(subject), { namespace, signal: new AbortController().signal });
    expect(await again()).to.equal(1);
    const { dataSubject, endTime, filesErased } = await accessOf(subject).erasures.get("default", erasureId);
    expect([dataSubject, endTime instanceof Date, filesErased]).to.deep.equal(["", true, 4]);
    expect(await findText(JANE)).to.deep.equal({});
    expect(await again()).to.equal(0);
  });

  it("deletes personal parts of entries only for an erasure, and of its namespace", async () => {
    await store("a.txt");
    const { pools } = subject;
    const keys = sql.fragment`(SELECT array_agg(entry_time) FROM journal_personal), (SELECT array_agg(entry_id) FROM journal_personal)`;
    const call = (owner: string, id: string) =>
      pools.commands.query(sql.unsafe`SELECT journal_erase(${owner}, ${id}::uuid, ${keys})`);
    expect(await catchError(() => call("default", nextUuid()))).to.be.instanceOf(Error);
    const erasures = createErasureRepository(pools.commands);
    const begin = (name: string) =>
      erasures.begin({
        ...{ erasureId: nextUuid(), namespace: name, dataSubject: "x", requestId: nextUuid(), actor: TEST_ACTOR },
      });
    const { erasureId } = await begin("other");
    expect(await catchError(() => call("default", erasureId))).to.be.instanceOf(Error);
    await call("other", erasureId);
    const left = await pools.commands.oneFirst(
      sql.type(z.object({ count: z.int() }))`SELECT count(*) FROM journal_personal WHERE namespace = 'default'`,
    );
    expect(left).to.be.greaterThan(0);
  });
});
