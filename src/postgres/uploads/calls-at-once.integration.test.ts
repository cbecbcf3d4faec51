import { expect } from "chai";
import { Client } from "pg";
import { sql } from "slonik";
import type { CommitOutcome } from "../../domain/uploads/upload-commits.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import {
  commitFile,
  createOpen,
  expectRefusal,
  newUpload,
  nextIdentity,
  nextPath,
  nextUuid,
  RETENTION_MS,
  sampleObject,
} from "../../testing/rigs/database/repository-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { violates } from "../pool/errors.ts";
import { createDatabasePools } from "../pool/pool.ts";
import { createUploadRepositories } from "./upload-repositories.ts";

/** More calls than one statement takes. */
const CALLS = 120;

describe("Calls that come at once", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  before(async () => {
    subject = await createPostgresSubject();
  });
  after(() => subject.close());

  const commit = (upload: { uploadId: string; s3Key: string }, options: object = {}): Promise<CommitOutcome> =>
    subject.uploads.commits.commit(upload.uploadId, {
      fileId: nextUuid(),
      retentionMs: RETENTION_MS,
      object: sampleObject(upload),
      ...options,
    });
  /** Transactions that have written an entry of the journal. */
  const countTransactions = async () =>
    Number(await subject.pools.commands.oneFirst(sql.unsafe`SELECT count(DISTINCT xid) FROM journal_entry`));

  it("create and commit each its own upload", async () => {
    const inputs = Array.from({ length: CALLS }, (__, index) =>
      newUpload({ labels: { index: `${index}` }, metadata: { index: `"${index}"` }, sizeBytes: 10 }),
    );
    const created = await Promise.all(inputs.map((input) => subject.uploads.catalogue.create(input, nextIdentity())));
    for (const [index, { upload, created: isNew }] of created.entries()) {
      const { uploadId, path, labels, metadata, sizeBytes, s3Key } = inputs[index] as (typeof inputs)[0];
      expect(isNew).to.equal(true);
      expect(upload).to.deep.include({ uploadId, path, labels, metadata, sizeBytes, s3Key, state: "open" });
    }
    const outcomes = await Promise.all(created.map(({ upload }) => commit(upload)));
    for (const [index, { kind, upload }] of outcomes.entries()) {
      const { uploadId, path, labels } = inputs[index] as (typeof inputs)[0];
      expect(kind).to.equal("committed");
      expect(upload).to.deep.include({ uploadId, path, state: "committed" });
      expect(upload.file).to.deep.include({ path, labels, generation: 1, s3Key: `prefix/${uploadId}.1` });
      expect(await subject.files.get("default", path)).to.deep.equal(upload.file);
    }
  });

  it("are refused each for its own reason, and keep nobody from being created", async () => {
    const [path, identity] = [nextPath(), nextIdentity()];
    await commitFile(subject, path);
    const create = (overrides: object, as = nextIdentity()) =>
      subject.uploads.catalogue.create(newUpload(overrides), as);
    const [first, repeated, other] = await Promise.all([
      create({}, identity),
      create({}, identity),
      create({ path, ifGenerationMatch: 1 }),
      expectRefusal(create({ path, ifGenerationMatch: 0 }), "GENERATION_MISMATCH"),
      expectRefusal(create({ namespace: "unknown" }, nextIdentity({ namespace: "unknown" })), "NAMESPACE_NOT_FOUND"),
      expectRefusal(create({}, { ...identity, contentSha256: Buffer.alloc(32, 8) }), "REQUEST_ID_REUSED"),
    ]);
    expect([first.created, repeated.created].sort()).to.deep.equal([false, true]);
    expect(first.upload).to.deep.equal(repeated.upload);
    expect(other.created).to.equal(true);
  });

  it("commit each with its own outcome, those to one path one after the other", async () => {
    const [path, taken] = [nextPath(), nextUuid()];
    const [same, again] = [await createOpen(subject, { path }), await createOpen(subject, { path })];
    const mismatch = await createOpen(subject, { ifGenerationMatch: 0 });
    await commitFile(subject, mismatch.path);
    const sized = await createOpen(subject, { sizeBytes: 11 });
    const broken = await createOpen(subject);
    await commit(await createOpen(subject), { fileId: taken });
    const fenced = await createOpen(subject);
    const rest = await Promise.all(Array.from({ length: 20 }, () => createOpen(subject)));
    const outcomes = await Promise.all([
      commit(same),
      commit(again),
      commit(mismatch),
      expectRefusal(commit(sized), "SIZE_MISMATCH"),
      commit(broken, { fileId: taken }).then(
        () => expect.fail("two files have one id"),
        (error: Error) => expect(violates(error, "file_pkey"), error.message).to.equal(true),
      ),
      expectRefusal(commit(fenced, { epoch: 3 }), "WRITER_FENCED"),
      ...rest.map((upload) => commit(upload)),
    ]);
    const [one, two, refused] = outcomes as unknown as [CommitOutcome, CommitOutcome, CommitOutcome];
    expect([one, two].map(({ upload }) => upload.file?.generation).sort()).to.deep.equal([1, 2]);
    expect(refused).to.deep.include({ kind: "generation-mismatch", currentGeneration: 1 });
    expect((outcomes.slice(6) as unknown as CommitOutcome[]).map(({ kind }) => kind)).to.deep.equal(
      rest.map(() => "committed"),
    );
  });

  it("take a few transactions together", async () => {
    const before = await countTransactions();
    const created = await Promise.all(Array.from({ length: CALLS }, () => createOpen(subject)));
    await Promise.all(created.map((upload) => commit(upload)));
    expect((await countTransactions()) - before).to.be.lessThan(CALLS / 2);
  });

  describe("of which one would have to wait", () => {
    /** Runs statements in a transaction of somebody else that stays open until the work is done. */
    const whileHeld = async (statement: string, work: () => Promise<void>) => {
      const client = new Client({ connectionString: subject.adminUrl });
      await client.connect();
      try {
        await client.query(`BEGIN; ${statement}`);
        await work();
        await client.query("ROLLBACK");
      } finally {
        await client.end();
      }
    };
    /** Begins the calls at once; those at the places `waiting` are answered after the others and after `release`. */
    const expectWaiting = async (calls: Promise<unknown>[], waiting: readonly number[]) => {
      const answered: number[] = [];
      for (const [place, call] of calls.entries()) void call.then(() => answered.push(place));
      await Promise.all(calls.filter((__, place) => !waiting.includes(place)));
      expect(answered.toSorted()).to.deep.equal([...calls.keys()].filter((place) => !waiting.includes(place)));
    };

    it("for a namespace that is deleted keep no call in another namespace waiting", async () => {
      const others = await Promise.all([1, 2, 3].map(() => createOpen(subject, { namespace: "other" })));
      const own = await createOpen(subject);
      let calls: Promise<unknown>[] = [];
      await whileHeld("SELECT FROM namespace WHERE name = 'other' FOR UPDATE", async () => {
        calls = [
          ...others.map((upload) => commit(upload)),
          ...others.map(() => createOpen(subject, { namespace: "other" })),
          commit(own),
          createOpen(subject),
        ];
        await expectWaiting(calls, [0, 1, 2, 3, 4, 5]);
      });
      expect((await Promise.all(calls.slice(0, 3))).map((outcome) => (outcome as CommitOutcome).kind)).to.deep.equal(
        Array(3).fill("committed"),
      );
      await Promise.all(calls);
    });

    for (const [what, table] of [
      ["a file that is changed", "file"],
      ["an upload that is changed", "upload"],
    ] as const) {
      it(`for ${what} keep no commit to another path waiting`, async () => {
        const path = nextPath();
        await commitFile(subject, path);
        const [same, ...rest] = await Promise.all(
          [path, nextPath(), nextPath()].map((at) => createOpen(subject, { path: at })),
        );
        let calls: Promise<CommitOutcome>[] = [];
        await whileHeld(`SELECT FROM ${table} WHERE path = '${path}' FOR UPDATE`, async () => {
          calls = [same, ...rest].map((upload) => commit(upload as NonNullable<typeof same>));
          await expectWaiting(calls, [0]);
        });
        expect((await Promise.all(calls)).map(({ upload }) => upload.file?.generation)).to.deep.equal([2, 1, 1]);
      });
    }

    it("for requests that other replicas make in another order do not wait in a circle", async () => {
      const replica = await createDatabasePools({ url: subject.url });
      const { catalogue } = createUploadRepositories(replica.commands);
      try {
        const identities = [nextIdentity(), nextIdentity(), nextIdentity()];
        const [, held] = identities;
        let calls: Promise<{ created: boolean }>[] = [];
        const hold = `INSERT INTO request (namespace, principal, method, request_id, content_sha256, subject_id)
          VALUES ('default', '${held?.principal}', '${held?.method}', '${held?.requestId}', sha256(''), '${nextUuid()}')`;
        await whileHeld(hold, async () => {
          calls = [
            ...identities.map((identity) => subject.uploads.catalogue.create(newUpload(), identity)),
            ...identities.toReversed().map((identity) => catalogue.create(newUpload(), identity)),
          ];
          await until("both statements wait", async () => {
            const waiting = await subject.pools.commands.oneFirst(sql.unsafe`
              SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'`);
            return Number(waiting) >= 2;
          });
        });
        const created = (await Promise.all(calls)).map((answer) => Number(answer.created));
        expect([0, 1, 2].map((place) => (created[place] ?? 0) + (created[5 - place] ?? 0))).to.deep.equal([1, 1, 1]);
        const deadlocks = await subject.pools.commands.oneFirst(sql.unsafe`
          SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`);
        expect(Number(deadlocks)).to.equal(0);
      } finally {
        await replica.end();
      }
    });
  });

  it("fail alone where their values are no values of PostgreSQL's", async () => {
    const create = (overrides: object) =>
      subject.uploads.catalogue.create(newUpload(overrides), nextIdentity()).then(
        ({ created }) => created,
        () => "refused",
      );
    for (const values of [
      { path: "a\0" },
      { path: "a\ud800" },
      { sizeBytes: 1.5 },
      { sizeBytes: 2 ** 64 },
      { uploadId: "x" },
    ]) {
      const answers = await Promise.all([create({}), create(values), create({})]);
      expect(answers, JSON.stringify(values)).to.deep.equal([true, "refused", true]);
    }
  });
});
