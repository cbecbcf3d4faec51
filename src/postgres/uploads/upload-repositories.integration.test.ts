import { expect } from "chai";
import { Client } from "pg";
import { sql } from "slonik";
import { uploadRepositoriesContract } from "../../testing/contracts/uploads/upload-repositories-contract.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import {
  beginNext,
  commitFile,
  createOpen,
  createWritten,
  expectRefusal,
  newUpload,
  nextIdentity,
  nextPath,
  nextUuid,
  RETENTION_MS,
  sampleObject,
  samplePart,
} from "../../testing/rigs/database/repository-subject.ts";
import { forgetRequests } from "../rows/request-rows.ts";

describe("createUploadRepositories", () => {
  uploadRepositoriesContract(createPostgresSubject);

  describe("on PostgreSQL", () => {
    let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
    before(async () => {
      subject = await createPostgresSubject();
    });
    after(() => subject.close());
    /** Runs `work` amid a transaction of somebody else, which has run `statement` and which `work` commits. */
    const amid = async (statement: string, work: (commit: () => Promise<unknown>) => Promise<void>) => {
      const other = new Client({ connectionString: subject.adminUrl });
      await other.connect();
      try {
        await other.query(`BEGIN; ${statement}`);
        await work(() => other.query("COMMIT"));
      } finally {
        await other.end();
      }
    };
    const lockPath = (path: string) => `SELECT pg_advisory_xact_lock(hashtextextended('default/${path}', 0))`;
    const fence = (uploadId: string) =>
      `UPDATE upload SET epoch = epoch + 1 WHERE upload_id = '${uploadId}'; DELETE FROM writer WHERE upload_id = '${uploadId}'`;

    it("commits behind a commit to the same path that has not ended yet", async () => {
      const path = nextPath();
      const [first, second] = [await createOpen(subject, { path }), await createOpen(subject, { path })];
      const commit = (uploadId: string, s3Key: string) =>
        subject.uploads.commits.commit(uploadId, {
          fileId: nextUuid(),
          retentionMs: RETENTION_MS,
          object: sampleObject({ s3Key }),
        });
      await amid(lockPath(path), async (release) => {
        const pending = Promise.all([first, second].map(({ uploadId, s3Key }) => commit(uploadId, s3Key)));
        await untilWaiting(subject, 2);
        await release();
        const generations = (await pending).map((outcome) => outcome.upload.file?.generation);
        expect(generations.sort()).to.deep.equal([1, 2]);
      });
    });

    it("lets one of two racing commits with a precondition win; the other is told its generation and commits upon it", async () => {
      const path = nextPath();
      const uploads = [
        await createOpen(subject, { path, ifGenerationMatch: 0 }),
        await createOpen(subject, { path, ifGenerationMatch: 0 }),
      ];
      const commit = ({ uploadId, s3Key }: { uploadId: string; s3Key: string }, options: object = {}) => {
        const committing = { fileId: nextUuid(), retentionMs: RETENTION_MS, object: sampleObject({ s3Key }) };
        return subject.uploads.commits.commit(uploadId, { ...committing, ...options });
      };
      await amid(lockPath(path), async (release) => {
        const racing = Promise.all(uploads.map((upload) => commit(upload)));
        await untilWaiting(subject, 2);
        await release();
        const outcomes = await racing;
        const kinds = outcomes.map(({ kind }) => kind).sort();
        expect(kinds).to.deep.equal(["committed", "generation-mismatch"]);
        const loser = outcomes.find(({ kind }) => kind === "generation-mismatch");
        expect(loser).to.deep.include({ currentGeneration: 1 });
        expect(loser?.upload).to.deep.include({ state: "assembled", file: undefined });
        const again = await commit(loser?.upload as (typeof uploads)[0], { ifGenerationMatch: 1 });
        expect(again.upload.file?.generation).to.equal(2);
      });
    });

    it("refuses the finish of a writer that waits for its row while a newer one begins", async () => {
      const { upload, epoch } = await createWritten(subject);
      const { uploadId } = upload;
      const object = sampleObject(upload);
      const committing = { fileId: nextUuid(), retentionMs: RETENTION_MS, epoch };
      const finishes = [
        () => subject.uploads.commits.commit(uploadId, { ...committing, object }),
        () => subject.uploads.commits.assemble(uploadId, object, { epoch }),
        () => subject.uploads.commits.beginCompletion(uploadId, { crc32: 1, epoch }),
        () => subject.uploads.commits.seal(uploadId, 10, { epoch }),
        () => subject.uploads.writers.beginPutAttempt(uploadId, epoch),
        () => subject.uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 1 }),
        () => subject.uploads.writers.recordParts(uploadId, epoch, [samplePart(1)]),
        () => subject.uploads.writers.markLost(uploadId, epoch),
      ];
      await amid(fence(uploadId), async (commit) => {
        const refusals = finishes.map((finish) => expectRefusal(finish(), "WRITER_FENCED"));
        await untilRowsAwaited(subject, finishes.length);
        await commit();
        await Promise.all(refusals);
      });
      const found = await subject.uploads.catalogue.get("default", uploadId);
      expect(found.upload).to.deep.include({ state: "open", sizeBytes: undefined, object: undefined });
    });

    it("records no part that waits for its row while the upload is sealed below it", async () => {
      const { upload, epoch } = await createWritten(subject);
      const { uploadId } = upload;
      await subject.uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 4 });
      const sizeBytes = 3 * samplePart(1).lengthBytes;
      await amid(`UPDATE upload SET size_bytes = ${sizeBytes} WHERE upload_id = '${uploadId}'`, async (commit) => {
        const late = expectRefusal(
          subject.uploads.writers.recordParts(uploadId, epoch, [samplePart(4)]),
          "SIZE_MISMATCH",
        );
        const claiming = subject.uploads.writers.claimParts(uploadId, epoch, { first: 5, count: 1 });
        const claimed = expectRefusal(claiming, "SIZE_MISMATCH");
        await untilRowsAwaited(subject, 2);
        await commit();
        await Promise.all([late, claimed]);
      });
      expect((await subject.uploads.catalogue.get("default", uploadId)).parts).to.deep.equal([]);
    });

    it("adopts no presigned part whose claim is fenced while it waits, and claims again what waited", async () => {
      const { uploadId } = await createOpen(subject, { sizeBytes: 10 });
      const options = { instance: "test", expireAfterMs: 1000, lifetimeMs: 1000 };
      const claim = () =>
        subject.uploads.writers.claimPresigned(
          "default",
          uploadId,
          [{ partNumber: 1, lengthBytes: 10, crc32: 1 }],
          options,
        );
      await claim();
      const { outstanding } = await subject.uploads.catalogue.get("default", uploadId);
      await amid(fence(uploadId), async (commit) => {
        const ready = outstanding.map((part) => ({ ...part, etag: "e" }));
        const adopting = subject.uploads.writers.adoptParts(uploadId, ready);
        await untilRowsAwaited(subject, 1);
        await commit();
        expect(await adopting).to.deep.equal([]);
      });
      await amid(fence(uploadId), async (commit) => {
        const claiming = claim();
        await untilRowsAwaited(subject, 1);
        await commit();
        expect((await claiming).upload.epoch).to.equal(4);
      });
      expect(
        (await subject.uploads.catalogue.get("default", uploadId)).outstanding.map(({ epoch }) => epoch),
      ).to.deep.equal([4]);
    });

    it("takes a step again that waits for its row while a writer of another lane begins", async () => {
      const { upload, epoch } = await createWritten(subject);
      const { uploadId } = upload;
      const steps = [
        () => subject.uploads.writers.beginPutAttempt(uploadId, epoch),
        () => subject.uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 1 }),
        () => subject.uploads.commits.seal(uploadId, 10, { epoch }),
        () => subject.uploads.commits.beginCompletion(uploadId, { crc32: 1, epoch }),
        () => subject.uploads.commits.assemble(uploadId, sampleObject(upload), { epoch }),
        () => subject.uploads.commits.commit(uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, epoch }),
      ];
      for (const step of steps) {
        await amid(`UPDATE upload SET epoch = epoch + 1 WHERE upload_id = '${uploadId}'`, async (commit) => {
          const waiting = step();
          await untilRowsAwaited(subject, 1);
          await commit();
          await waiting;
        });
      }
      expect((await subject.uploads.catalogue.get("default", uploadId)).upload.state).to.equal("committed");
    });

    it("fences a writer that was beginning at the same moment", async () => {
      const { uploadId } = await createOpen(subject, { sizeBytes: 100 });
      const begin = () => beginNext(subject, { uploadId });
      for (let round = 0; round < 10; round++) {
        const epochs = (await Promise.all(Array.from({ length: 8 }, begin))).map(({ epoch }) => epoch);
        expect(new Set(epochs).size).to.equal(8);
        const left = await subject.pools.commands.anyFirst(sql.unsafe`
          SELECT epoch FROM writer WHERE upload_id = ${uploadId}`);
        expect(left.map(Number)).to.deep.equal([Math.max(...epochs)]);
      }
    });

    it("returns a part that is recorded while the same part waits to be begun", async () => {
      const { upload, epoch } = await createWritten(subject);
      const { uploadId } = upload;
      await subject.uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 1 });
      const { lengthBytes, crc32, etag } = samplePart(1);
      const record = `SELECT FROM upload WHERE upload_id = '${uploadId}' FOR SHARE;
        UPDATE part SET state = 'durable', length_bytes = ${lengthBytes}, crc32 = ${crc32}, etag = '${etag}'
        WHERE upload_id = '${uploadId}'`;
      await amid(record, async (commit) => {
        const part = { partNumber: 1, lengthBytes };
        const beginning = subject.uploads.writers.beginPart("default", uploadId, part, {
          instance: "i",
          expireAfterMs: 1000,
        });
        await untilRowsAwaited(subject, 1);
        await commit();
        expect(await beginning).to.deep.include({ kind: "durable", part: samplePart(1) });
      });
    });

    it("lists a committed multipart upload whose one-part attempt lost, once that cannot land any more", async () => {
      const { upload, epoch } = await createWritten(subject);
      const { uploadId, s3Key } = upload;
      await subject.uploads.writers.beginPutAttempt(uploadId, epoch);
      const object = sampleObject(upload, { key: s3Key });
      await subject.uploads.commits.commit(uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object });
      const isListed = async () => {
        const { uploads } = await subject.uploads.sweep.listUncleaned("default", { after: "", limit: 1_000_000 });
        return uploads.some((one) => one.uploadId === uploadId);
      };
      expect(await isListed()).to.equal(false);
      await subject.pools.commands.query(sql.unsafe`
        UPDATE upload SET state_time = now() - interval '11 minutes' WHERE upload_id = ${uploadId}`);
      expect(await isListed()).to.equal(true);
    });

    it("commits beside a file that is restored at the same moment", async () => {
      const path = nextPath();
      for (let round = 0; round < 10; round++) {
        await commitFile(subject, path);
        const identity = nextIdentity({ method: "DeleteFile" });
        await subject.files.delete("default", path, { identity, retentionMs: RETENTION_MS });
        const upload = await createOpen(subject, { path });
        const object = sampleObject(upload);
        const [outcome] = await Promise.all([
          subject.uploads.commits.commit(upload.uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object }),
          subject.files
            .undelete("default", path, { identity: nextIdentity({ method: "UndeleteFile" }) })
            .catch((error: unknown) => expect(error).to.have.property("reason", "FILE_EXISTS")),
        ]);
        const live = await subject.files.get("default", path);
        expect(live.fileId).to.equal(outcome.upload.file?.fileId);
      }
    });

    it("forgets the answers to old requests", async () => {
      const [input, identity] = [newUpload(), nextIdentity()];
      await subject.uploads.catalogue.create(input, identity);
      const { commands } = subject.pools;
      expect(await forgetRequests(commands, { olderThanMs: 60_000, limit: 1_000 })).to.equal(0);
      expect(await forgetRequests(commands, { olderThanMs: 0, limit: 1 })).to.equal(1);
      while ((await forgetRequests(commands, { olderThanMs: 0, limit: 1_000 })) > 0);
      const again = await subject.uploads.catalogue.create(newUpload(), identity);
      expect(again.created).to.equal(true);
    });

    it("lists a long folder by its index", async () => {
      const plan = await subject.pools.queries.transaction(async (transaction) => {
        await transaction.query(sql.unsafe`SET LOCAL enable_seqscan = off`);
        return await transaction.anyFirst(sql.unsafe`
          EXPLAIN SELECT f.file_id FROM file f WHERE f.namespace = 'default' AND f.path >= 'a/' AND f.path < 'a0'
            AND f.supersede_time IS NULL AND f.delete_time IS NULL ORDER BY f.path, f.generation LIMIT 100`);
      });
      expect(plan.join("\n")).to.match(/Index (Only )?Scan using file_/);
    });
  });
});

/** Waits until so many statements of this database wait for a row that another transaction changes. */
async function untilRowsAwaited(subject: Awaited<ReturnType<typeof createPostgresSubject>>, count: number) {
  const isReached = () =>
    subject.pools.queries.oneFirst(sql.unsafe`
      SELECT count(*) >= ${count} AS reached FROM pg_stat_activity a
      WHERE a.datname = current_database() AND a.wait_event_type = 'Lock'`);
  while (!(await isReached()));
}

/** Waits until so many sessions of this database wait for an advisory lock. */
async function untilWaiting(subject: Awaited<ReturnType<typeof createPostgresSubject>>, count: number): Promise<void> {
  const isReached = () =>
    subject.pools.queries.oneFirst(sql.unsafe`
      SELECT count(*) >= ${count} AS reached FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()`);
  while (!(await isReached()));
}
