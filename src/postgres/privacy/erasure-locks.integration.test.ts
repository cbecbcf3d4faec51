import { expect } from "chai";
import { Client } from "pg";
import { sql } from "slonik";
import { z } from "zod";
import type { Erasure } from "../../domain/privacy/erasure.ts";
import { createTestDatabase } from "../../testing/rigs/database/postgres.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import {
  createOpen,
  newUpload,
  nextIdentity,
  nextUuid,
  RETENTION_MS,
  sampleObject,
  TEST_ACTOR,
} from "../../testing/rigs/database/repository-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { createErasureRepository } from "./erasures.ts";

describe("The locks of erasures", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  let client: Client;
  before(async () => {
    const database = await createTestDatabase();
    client = new Client(database.adminUrl);
    await client.connect();
    // Plans that find rows in the order in which they lie in the tables, which is another one than that of their keys.
    const name = client.escapeIdentifier(client.database ?? "");
    for (const setting of ["enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan", "enable_sort"]) {
      await client.query(`ALTER DATABASE ${name} SET ${setting} = off`);
    }
    subject = await createPostgresSubject(async () => database);
  });
  after(async () => {
    await client.end();
    await subject.close();
  });

  // One that failed in between leaves its transaction open.
  afterEach(() => client.query("ROLLBACK"));

  const erasures = () => createErasureRepository(subject.pools.commands);
  /** Each test has a person and a folder of its own. */
  let person = "";
  beforeEach(() => {
    person = `jane-${stored}`;
  });
  const begin = (): Promise<Erasure> =>
    erasures().begin({
      ...{ erasureId: nextUuid(), namespace: "default", dataSubject: person, requestId: nextUuid(), actor: TEST_ACTOR },
    });
  /** A file whose every key comes before the keys of those that were stored earlier: rows lie in the tables in another order than their keys. */
  let stored = 100;
  const store = async () => {
    const name = String(--stored).padStart(3, "0");
    const id = (kind: number) => `00000000-0000-4000-9000-${kind}00000000${name}`;
    const created = newUpload({
      path: `${person}/${name}`,
      dataSubject: person,
      uploadId: id(1),
      principal: `${person}:${name}`,
    });
    const { upload } = await subject.uploads.catalogue.create(
      created,
      nextIdentity({ principal: `${person}:${name}` }),
    );
    const fileId = id(2);
    await subject.uploads.commits.commit(upload.uploadId, {
      ...{ fileId, retentionMs: RETENTION_MS, object: sampleObject(upload) },
    });
    await subject.links.create(
      {
        ...{
          linkId: id(3),
          namespace: "default",
          path: upload.path,
          generation: undefined,
          principal: "dev:tester",
          fileId,
        },
        ...{ downloadName: "a", inline: false, note: "", maxUses: 0, expiry: { afterMs: 86_400_000 } },
        tokenSha256: Buffer.from(name.padEnd(32, "x")),
      },
      nextIdentity({ method: "CreateLink" }),
    );
    await subject.pools.commands.query(sql.unsafe`
      INSERT INTO request (namespace, principal, method, request_id, content_sha256, subject_id)
      VALUES ('default', ${`${person}:${name}`}, 'UpdateFile', ${nextUuid()}, sha256(''), ${fileId})`);
    return { fileId, uploadId: upload.uploadId };
  };
  const storeThree = async () => [await store(), await store(), await store()];
  /** Notes what an erasure is about, and brings the files as far as `endFiles` finds them. */
  const bring = async (erasure: Erasure, made: Awaited<ReturnType<typeof storeThree>>, isPurged: boolean) => {
    const fileIds = made.map(({ fileId }) => fileId);
    for (const kind of ["file", "upload"] as const) await erasures().discover(erasure, kind, "");
    await erasures().beginFiles(erasure, fileIds);
    if (isPurged) await subject.files.endPurges("default", fileIds);
    return fileIds;
  };
  const isWaiting = async () => {
    const { rows } = await client.query(
      "SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))",
    );
    return rows.length > 0;
  };
  const listAbout = async ({ erasureId }: Erasure, kind: "file" | "upload") =>
    (
      await subject.pools.commands.any(
        sql.type(
          z.object({ id: z.string() }),
        )`SELECT resource_id::text AS id FROM erasure_resource WHERE kind = ${kind} AND state = 'found' AND erasure_id = ${erasureId}`,
      )
    ).map(({ id }) => id);

  type Step = (erasure: Erasure, fileIds: string[]) => Promise<unknown>;
  const endFiles: Step = (erasure, ids) => erasures().endFiles(erasure, ids);
  const endUploads: Step = async (erasure) => erasures().endUploads(erasure, await listAbout(erasure, "upload"));
  const redact: Step = async (erasure) => {
    const entries = await erasures().listEntries(erasure, 100);
    await erasures().redact(erasure, entries.toSorted().toReversed());
  };
  for (const { step, run, table, order, where, isPurged = true } of [
    {
      step: "begins files",
      run: (e: Erasure, ids: string[]) => erasures().beginFiles(e, ids),
      table: "file",
      order: "file_id",
      isPurged: false,
    },
    {
      step: "ends purges",
      run: (_: Erasure, ids: string[]) => subject.files.endPurges("default", ids),
      table: "file",
      order: "file_id",
      isPurged: false,
    },
    {
      step: "ends purges",
      run: (_: Erasure, ids: string[]) => subject.files.endPurges("default", ids),
      table: "upload",
      order: "upload_id",
      isPurged: false,
    },
    { step: "ends files", run: endFiles, table: "link", order: "link_id" },
    { step: "ends files", run: endFiles, table: "file", order: "file_id" },
    { step: "ends files", run: endFiles, table: "path_generation", order: "path" },
    { step: "ends files", run: endFiles, table: "request", order: "principal", where: "method = 'UpdateFile'" },
    { step: "ends uploads", run: endUploads, table: "upload", order: "upload_id" },
    { step: "ends uploads", run: endUploads, table: "request", order: "principal", where: "method = 'CreateUpload'" },
    { step: "redacts entries", run: redact, table: "journal_personal", order: "entry_time, entry_id" },
  ]) {
    it(`takes the rows of "${table}" in one order while it ${step}`, async () => {
      const made = await storeThree();
      const erasure = await begin();
      const isBegun = step === "begins files";
      const fileIds = isBegun ? made.map(({ fileId }) => fileId) : await bring(erasure, made, isPurged);
      await client.query("BEGIN");
      const mine = where === undefined ? `path LIKE '${person}/%'` : `${where} AND principal LIKE '${person}:%'`;
      const lock = `SELECT FROM ${table} WHERE ${mine} ORDER BY ${order} `;
      await client.query(`${lock} LIMIT 1 FOR UPDATE`);
      const work = run(erasure, fileIds);
      await until("the erasure waits for the first row", isWaiting);
      // Whoever has the first row gets the others: the erasure holds none of them.
      await client.query(`${lock} FOR UPDATE NOWAIT`);
      await client.query("COMMIT");
      await work;
    });
  }

  it("hold a path against whoever makes a generation of it, and wait for them", async () => {
    const made = await storeThree();
    const erasure = await begin();
    const fileIds = await bring(erasure, made, true);
    await client.query("BEGIN");
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('default/${person}/0${stored + 1}', 0))`);
    const work = erasures().endFiles(erasure, fileIds);
    await until("the erasure waits for the path", isWaiting);
    await client.query(`SELECT FROM link WHERE path LIKE '${person}/%' FOR UPDATE NOWAIT`);
    await client.query(`SELECT FROM file WHERE path LIKE '${person}/%' FOR UPDATE NOWAIT`);
    await client.query("COMMIT");
    await work;
    expect(
      await subject.pools.commands.oneFirst(
        sql.type(z.object({ count: z.int() }))`SELECT count(*) FROM link WHERE starts_with(path, ${person})`,
      ),
    ).to.equal(0);
  });

  it("let two erasures of one person, a purge, moves and new uploads go on side by side without a deadlock", async () => {
    for (let round = 0; round < 3; round++) {
      const made = [...(await storeThree()), ...(await storeThree())];
      const both = [await begin(), await begin()] as const;
      const run = async (erasure: Erasure, ids: string[]) => {
        for (const kind of ["file", "upload"] as const) await erasures().discover(erasure, kind, "");
        await erasures().beginFiles(erasure, ids);
        await subject.files.endPurges("default", ids);
        await erasures().endFiles(erasure, ids);
        await erasures().endUploads(
          erasure,
          made.map(({ uploadId }) => uploadId),
        );
        await redact(erasure, ids);
        return await erasures().end(await erasures().get("default", erasure.erasureId));
      };
      const ids = made.map(({ fileId }) => fileId);
      const paths = made.map((_, index) => `${person}/${String(stored + index).padStart(3, "0")}`);
      const move = (path: string, targetPath: string) =>
        subject.files
          .move("default", path, {
            identity: nextIdentity({ method: "MoveFile" }),
            targetPath,
            retentionMs: RETENTION_MS,
          })
          .catch(() => {});
      const [first, second] = await Promise.all([
        run(both[0], ids),
        run(both[1], ids.toReversed()),
        subject.files.endPurges("default", ids),
        ...paths.map((path, index) => move(path, paths[(index + 1) % paths.length] as string)),
        ...paths.map(async (path) => {
          const upload = await createOpen(subject, { path, dataSubject: "" });
          await subject.uploads.commits.commit(upload.uploadId, {
            ...{ fileId: nextUuid(), retentionMs: RETENTION_MS, object: sampleObject(upload) },
          });
        }),
      ]);
      expect([first, second].map(({ filesHeld }) => filesHeld)).to.deep.equal([0, 0]);
    }
    const deadlocks = await subject.pools.commands.oneFirst(
      sql.type(
        z.object({ deadlocks: z.int() }),
      )`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`,
    );
    expect(deadlocks).to.equal(0);
  });
});
