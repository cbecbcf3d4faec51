import { expect } from "chai";
import { sql } from "slonik";
import { z } from "zod";
import type { Change } from "../../domain/deed.ts";
import type { Quotas } from "../../domain/namespaces/quotas.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import {
  beginNext,
  createOpen,
  createWritten,
  EXPIRE_AFTER_MS,
  expectRefusal,
  newUpload,
  nextIdentity,
  nextPath,
  nextUuid,
  RETENTION_MS,
  sampleObject,
  samplePart,
  TEST_ACTOR,
} from "../../testing/rigs/database/repository-subject.ts";
import { createSeededRandom } from "../../testing/samples/seeded-random.ts";
import { createFileRepository } from "../files/file-repository.ts";
import { createNamespaceRepository } from "../namespace-repository.ts";
import { createDatabasePools } from "../pool/pool.ts";
import { commitAll, TOGETHER } from "../uploads/commit-statement.ts";
import { createUploadRepositories } from "../uploads/upload-repositories.ts";

const MIB = 2 ** 20;
const PART_BYTES = 8 * MIB;
const NO_QUOTAS: Quotas = {
  bytesPerDayMax: undefined,
  storedBytesMax: undefined,
  principalBytesPerDayMax: undefined,
  principalStoredBytesMax: undefined,
};

type Subject = Awaited<ReturnType<typeof createPostgresSubject>>;

describe("the usage of a namespace", () => {
  let subject: Subject;
  beforeEach(async () => {
    subject = await createPostgresSubject();
  });
  afterEach(() => subject.close());

  const setQuotas = (quotas: Quotas) =>
    createNamespaceRepository(subject.pools.commands).update(
      "default",
      (before) => ({ ...before, ...NO_QUOTAS, ...quotas }),
      { actor: TEST_ACTOR },
    );
  const usage = (principal?: string) =>
    createNamespaceRepository(subject.pools.commands).usage("default", { principal });
  /** Commits a file of so many bytes, as one object. */
  const commitBytes = async (sizeBytes: number, overrides: Partial<ReturnType<typeof newUpload>> = {}) => {
    const upload = await createOpen(subject, overrides);
    return await commitObject(upload, sizeBytes);
  };
  const commitObject = async (
    upload: { uploadId: string; s3Key: string },
    sizeBytes: number,
    { commits } = subject.uploads,
  ) =>
    await commits.commit(upload.uploadId, {
      fileId: nextUuid(),
      retentionMs: RETENTION_MS,
      object: sampleObject(upload, { sizeBytes }),
    });
  const purge = async (path: string) => {
    const identity = (method: Change) => nextIdentity({ method });
    await subject.files.delete("default", path, { identity: identity("DeleteFile"), retentionMs: 1 });
    const file = await subject.files.beginPurge("default", path, { identity: identity("PurgeFile") });
    await subject.files.endPurges("default", [file.fileId]);
    return file;
  };

  it("adds what is committed, and subtracts what is purged, once", async () => {
    const path = nextPath();
    await commitBytes(100, { path });
    await commitBytes(10, { principal: "dev:other" });
    expect((await usage("dev:other")).used).to.deep.equal({ storedBytes: 110, dayBytes: 110 });
    expect((await usage("dev:other")).usedByPrincipal).to.deep.equal({ storedBytes: 10, dayBytes: 10 });
    const { fileId } = await purge(path);
    await subject.files.endPurges("default", [fileId]);
    expect((await usage("dev:tester")).used).to.deep.equal({ storedBytes: 10, dayBytes: 110 });
    expect((await usage("dev:tester")).usedByPrincipal).to.deep.equal({ storedBytes: 0, dayBytes: 100 });
  });

  it("counts a part once, however often it is recorded, and a copy as kept alone", async () => {
    const { upload, epoch } = await createWritten(subject);
    await subject.uploads.writers.claimParts(upload.uploadId, epoch, { first: 1, count: 2 });
    for (let time = 0; time < 2; time++) {
      await subject.uploads.writers.recordParts(upload.uploadId, epoch, [samplePart(1), samplePart(2)]);
    }
    await commitBytes(7, { copiedPath: "source" });
    expect((await usage()).used).to.deep.equal({ storedBytes: 7, dayBytes: 2 * PART_BYTES });
  });

  it("counts an object that is assembled without its commit once", async () => {
    const upload = await createOpen(subject);
    const object = sampleObject(upload);
    await subject.uploads.commits.assemble(upload.uploadId, object);
    await subject.uploads.commits.assemble(upload.uploadId, object);
    expect((await usage()).used).to.deep.equal({ storedBytes: 0, dayBytes: object.sizeBytes });
    await subject.uploads.commits.commit(upload.uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS });
    expect((await usage()).used).to.deep.equal({ storedBytes: object.sizeBytes, dayBytes: object.sizeBytes });
  });

  it("refuses an upload that declares more than is left, and lets in one that fits exactly", async () => {
    await commitBytes(60);
    await setQuotas({ storedBytesMax: 100 });
    const refusal = await expectRefusal(createOpen(subject, { sizeBytes: 41 }), "QUOTA_STORAGE");
    expect(refusal.message).to.include("namespace default may keep 100 bytes and keeps 60; 41 more do not fit");
    expect(refusal.retryAfterMs).to.equal(undefined);
    await createOpen(subject, { sizeBytes: 40 });
    await setQuotas({ principalBytesPerDayMax: 100 });
    const day = await expectRefusal(createOpen(subject, { sizeBytes: 41 }), "QUOTA_BYTES_PER_DAY");
    expect(day.details).to.deep.include({
      principal: "dev:tester",
      quota: "principal_bytes_per_day_max",
      used_bytes: 60,
    });
    expect(day.retryAfterMs).to.be.within(1, 86_400_000);
    expect((await expectRefusal(createOpen(subject, { sizeBytes: 101 }), "QUOTA_BYTES_PER_DAY")).retryAfterMs).to.equal(
      undefined,
    );
    await createOpen(subject, { sizeBytes: 41, principal: "dev:other" });
    await createOpen(subject, { sizeBytes: 400, copiedPath: "source" });
  });

  it("lets in what uses nothing of a quota that is passed: a copy of the day's, an empty file of both", async () => {
    await commitBytes(60);
    await setQuotas({ bytesPerDayMax: 50, principalBytesPerDayMax: 40 });
    await expectRefusal(createOpen(subject, { sizeBytes: 1 }), "QUOTA_BYTES_PER_DAY");
    await createOpen(subject, { sizeBytes: 400, copiedPath: "source" });
    await setQuotas({ storedBytesMax: 50, bytesPerDayMax: 50 });
    const empty = await createOpen(subject, { sizeBytes: 0 });
    expect((await commitObject(empty, 0)).kind).to.equal("committed");
    await expectRefusal(createOpen(subject, { sizeBytes: 400, copiedPath: "source" }), "QUOTA_STORAGE");
  });

  it("answers a repeated request whatever is left", async () => {
    const [input, identity] = [newUpload({ sizeBytes: 50 }), nextIdentity()];
    const { upload } = await subject.uploads.catalogue.create(input, identity);
    await setQuotas({ storedBytesMax: 0 });
    const again = await subject.uploads.catalogue.create({ ...input, uploadId: nextUuid() }, identity);
    expect(again).to.deep.include({ created: false });
    expect(again.upload.uploadId).to.equal(upload.uploadId);
  });

  it("refuses a commit that does not fit, keeps its bytes, and makes it once there is room", async () => {
    const upload = await createOpen(subject);
    await setQuotas({ storedBytesMax: 50 });
    const outcome = await commitObject(upload, 51);
    expect(outcome.kind).to.equal("over-quota");
    expect(outcome.upload.state).to.equal("assembled");
    expect((await usage()).used).to.deep.equal({ storedBytes: 0, dayBytes: 51 });
    await setQuotas({ storedBytesMax: 51 });
    expect((await commitObject(upload, 51)).kind).to.equal("committed");
    expect((await usage()).used).to.deep.equal({ storedBytes: 51, dayBytes: 51 });
  });

  it("records the parts that come, and says once the day is used up that no more may come", async () => {
    await setQuotas({ bytesPerDayMax: 2 * PART_BYTES });
    const { upload, epoch, refusal } = await createWritten(subject);
    expect(refusal).to.equal(undefined);
    const { writers } = subject.uploads;
    await writers.claimParts(upload.uploadId, epoch, { first: 1, count: 3 });
    expect(await writers.recordParts(upload.uploadId, epoch, [samplePart(1)])).to.equal(undefined);
    const usedUp = await writers.recordParts(upload.uploadId, epoch, [samplePart(2), samplePart(3)]);
    expect(usedUp?.reason).to.equal("QUOTA_BYTES_PER_DAY");
    expect((await usage()).used.dayBytes).to.equal(3 * PART_BYTES);
    const next = await beginNext(subject, { uploadId: upload.uploadId });
    expect(next.parts).to.have.lengthOf(3);
    expect(next.refusal?.reason).to.equal("QUOTA_BYTES_PER_DAY");
    await subject.pools.commands.query(sql.unsafe`UPDATE usage_slot SET day = day - 1`);
    expect((await beginNext(subject, { uploadId: upload.uploadId })).refusal).to.equal(undefined);
    expect((await usage()).used.dayBytes).to.equal(0);
  });

  it("refuses single parts and presigned ones once the day is used up, and fences nobody", async () => {
    const { upload, epoch } = await createWritten(subject, { sizeBytes: 3 * PART_BYTES });
    const { writers } = subject.uploads;
    const options = { instance: "test", expireAfterMs: EXPIRE_AFTER_MS };
    await setQuotas({ bytesPerDayMax: PART_BYTES });
    const sign = (numbers: number[]) =>
      writers.claimPresigned(
        "default",
        upload.uploadId,
        numbers.map((partNumber) => ({ partNumber, lengthBytes: PART_BYTES, crc32: 1 })),
        { ...options, lifetimeMs: 1000 },
      );
    await expectRefusal(sign([2, 3]), "QUOTA_BYTES_PER_DAY");
    await setQuotas({ bytesPerDayMax: 0 });
    const part = { partNumber: 2, lengthBytes: PART_BYTES };
    await expectRefusal(writers.beginPart("default", upload.uploadId, part, options), "QUOTA_BYTES_PER_DAY");
    await expectRefusal(sign([3]), "QUOTA_BYTES_PER_DAY");
    await writers.heartbeat(upload.uploadId, epoch, { receivedBytes: 0, expireAfterMs: EXPIRE_AFTER_MS });
    await setQuotas({ bytesPerDayMax: PART_BYTES });
    await sign([3]);
    const { outstanding } = await subject.uploads.catalogue.get("default", upload.uploadId);
    const adopt = () =>
      writers.adoptParts(
        upload.uploadId,
        outstanding.map((each) => ({ ...each, etag: "e" })),
      );
    await adopt();
    await adopt();
    expect((await usage()).used.dayBytes).to.equal(PART_BYTES);
  });

  it("passes no quota of storage by commits at the same time, of two replicas", async () => {
    await setQuotas({ storedBytesMax: 100 });
    const replica = await createDatabasePools({ url: subject.url });
    try {
      const replicas = [subject.uploads, createUploadRepositories(replica.commands)];
      const uploads = await Promise.all(Array.from({ length: 150 }, () => createOpen(subject)));
      const outcomes = await Promise.all(uploads.map((upload, index) => commitObject(upload, 10, replicas[index % 2])));
      expect(outcomes.filter(({ kind }) => kind === "committed")).to.have.lengthOf(10);
      expect((await usage()).used.storedBytes).to.equal(100);
    } finally {
      await replica.end();
    }
  });

  it("leaves a commit that fits, but not beside the others, as it was for a statement of its own", async () => {
    const [mismatch, fits] = [await createOpen(subject), await createOpen(subject)];
    for (const [upload, sizeBytes] of [
      [mismatch, 80],
      [fits, 50],
    ] as const) {
      const object = sampleObject(upload, { sizeBytes });
      await subject.uploads.commits.assemble(upload.uploadId, object, { isCommitWanted: true });
    }
    await setQuotas({ storedBytesMax: 100 });
    const asked = [mismatch, fits].map(({ uploadId }) => ({
      uploadId,
      options: {
        fileId: nextUuid(),
        retentionMs: RETENTION_MS,
        ifGenerationMatch: uploadId === mismatch.uploadId ? 7 : 0,
      },
    }));
    const [refused, left] = await commitAll(subject.pools.commands, asked, TOGETHER);
    expect(refused).to.include({ is_match: false, generation: null });
    expect(left).to.equal(undefined);
    const wished = z.object({ upload_id: z.string() });
    expect(
      await subject.pools.commands.any(sql.type(wished)`
        SELECT upload_id FROM upload WHERE state = 'assembled' AND commit_wanted_time IS NOT NULL`),
    ).to.deep.equal([{ upload_id: fits.uploadId }]);
    const committed = await subject.uploads.commits.commit(fits.uploadId, {
      fileId: nextUuid(),
      retentionMs: RETENTION_MS,
    });
    expect(committed.kind).to.equal("committed");
  });

  it("equals the rows after a mix of commands by four connections of two replicas, without a deadlock", async () => {
    const replica = await createDatabasePools({ url: subject.url });
    const replicas = [
      subject,
      { ...subject, uploads: createUploadRepositories(replica.commands), files: createFileRepository(replica) },
    ];
    try {
      await Promise.all(
        [0, 1, 2, 3].map((worker) => runMix(replicas[worker % 2] as Subject, { seed: worker, commands: 150 })),
      );
      const used = z.object({ principal: z.string(), stored: z.int(), rows: z.int() });
      const sums = await subject.pools.commands.any(sql.type(used)`
        SELECT s.principal, sum(s.stored_bytes)::bigint AS stored, (
          SELECT coalesce(sum(f.size_bytes), 0)::bigint FROM file f WHERE f.namespace = 'default'
            AND (s.principal = '' OR f.principal = s.principal) AND f.purge_state IS DISTINCT FROM 'purged') AS rows
        FROM usage_slot s WHERE s.namespace = 'default' GROUP BY s.principal`);
      expect(sums).to.have.lengthOf(4);
      for (const { stored, rows } of sums) expect(stored).to.equal(rows);
      expect(sums.some(({ rows }) => rows > 0)).to.equal(true);
      const deadlocks = await subject.pools.commands.oneFirst(
        sql.type(z.object({ deadlocks: z.int() }))`
          SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`,
      );
      expect(deadlocks).to.equal(0);
    } finally {
      await replica.end();
    }
  });
});

/** Commits, deletes, purges, restores, moves and copies at ten paths that all workers share; what is refused is refused. */
async function runMix(
  { uploads, files }: Subject,
  { seed, commands }: { seed: number; commands: number },
): Promise<void> {
  const random = createSeededRandom(seed + 1);
  const draw = (count: number) => Math.floor(random() * count);
  const drawPath = () => `mix/${draw(10)}`;
  const subject = { uploads };
  const steps = [
    async () => {
      const path = drawPath();
      const principal = `dev:${draw(3)}`;
      const upload = await createOpen(subject, { path, principal, copiedPath: draw(4) === 0 ? "source" : undefined });
      const object = sampleObject(upload, { sizeBytes: 1 + draw(1000) });
      await uploads.commits.commit(upload.uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object });
    },
    async () => {
      const options = { identity: nextIdentity({ method: "DeleteFile" }), retentionMs: RETENTION_MS };
      await files.delete("default", drawPath(), options);
    },
    async () => {
      const file = await files.beginPurge("default", drawPath(), { identity: nextIdentity({ method: "PurgeFile" }) });
      // Now and then another worker ends the same purge.
      await Promise.all([1, 2].map(() => files.endPurges("default", [file.fileId])));
    },
    async () => {
      const path = drawPath();
      const { files: generations } = await files.listGenerations("default", path, { limit: 5 });
      const generation = generations.at(-1)?.generation ?? 1;
      const identity = nextIdentity({ method: "RestoreGeneration" });
      await files.restoreGeneration("default", path, { identity, generation, retentionMs: RETENTION_MS });
    },
    async () => {
      const identity = nextIdentity({ method: "MoveFile" });
      const source = draw(10);
      const targetPath = `mix/${(source + 1 + draw(9)) % 10}`;
      await files.move("default", `mix/${source}`, { identity, targetPath, retentionMs: RETENTION_MS });
    },
  ];
  for (let command = 0; command < commands; command++) {
    await steps[command % 2 === 0 ? 0 : draw(steps.length)]?.().catch((error: { reason?: string }) => {
      if (error.reason === undefined || error.reason.startsWith("DATABASE")) throw error;
    });
  }
}
