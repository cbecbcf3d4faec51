import { PassThrough } from "node:stream";
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { expect } from "chai";
import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { createSluiceClient, type SluiceClient } from "../../client/client.ts";
import { createDatabasePool } from "../../postgres/pool/pool.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { enteredByTest } from "../../testing/rigs/database/journal-guard.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { createTestAccess } from "../../testing/rigs/storage/s3-subject.ts";
import { runCli, type ServerCommands } from "../program.ts";
import { runReconcile } from "./reconcile-actions.ts";

const Bucket = "bucket";

describe("sluice reconcile", () => {
  let service: RunningService;
  let client: SluiceClient;
  let pool: DatabasePool;
  let s3: S3Client;
  let closeS3: () => void;

  before(async () => {
    service = await startService();
    client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
    pool = await createDatabasePool("test", { url: service.databaseUrl });
    const { access, close } = createTestAccess(service.endpoint);
    [s3, closeS3] = [access.client, close];
  });
  after(async () => {
    closeS3?.();
    await pool?.end();
    await service?.stop();
  });

  const run = async (...args: string[]) => {
    const { endpoint, databaseUrl } = service;
    const env = {
      SLUICE_LISTEN: "127.0.0.1:0",
      SLUICE_DATABASE_URL: databaseUrl,
      SLUICE_S3_BUCKET: endpoint.bucket,
      SLUICE_S3_REGION: endpoint.region,
      SLUICE_S3_ENDPOINT: endpoint.url,
      SLUICE_AUTH: "dev",
      SLUICE_DEV_TOKEN: SERVICE_TOKEN,
      SLUICE_WORKERS: "1",
    };
    const [stdout, stderr] = [captureText(), captureText()];
    const terminal = { stdout, stderr, stdin: new PassThrough(), env, signal: new AbortController().signal };
    const code = await runCli(["reconcile", ...args], terminal, { reconcile: runReconcile } as ServerCommands);
    const text = stdout.text();
    const lines = args.includes("--json")
      ? text
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line))
      : [];
    const differences = lines.flatMap(({ difference }) => (difference === undefined ? [] : [difference]));
    return { code, text, err: stderr.text(), differences, summary: lines.at(-1)?.summary };
  };
  const upload = async (path: string) => {
    await client.upload(Buffer.from(path), path);
    return await client.getFile(path);
  };
  const overwrite = (Key: string, Body: string) => s3.send(new PutObjectCommand({ Bucket, Key, Body }));

  it("finds what was planted between a bucket and its database, repairs what is proven, and enters that", async () => {
    for (const name of ["good.txt", "good too.txt"]) await upload(name);
    expect(await run("--older-than-days", "0", "--checksums", "--json")).to.deep.include({
      code: 0,
      differences: [],
      summary: { objects: 2, rows: 2, differences: {}, repaired: 0 },
    });
    const [lost, cut, changed, purged] = await Promise.all(["lost", "cut", "changed", "purged"].map(upload));
    if (!(lost && cut && changed && purged)) throw new Error("not all files are there");
    await s3.send(new DeleteObjectCommand({ Bucket, Key: lost.s3Key }));
    await overwrite(cut.s3Key, "c");
    await overwrite(changed.s3Key, "CHANGED");
    await client.deleteFile("purged");
    await client.purgeFile("purged");
    await overwrite(purged.s3Key, "back again");
    const { prefix } = await pool.one(
      sql.type(z.object({ prefix: z.string() }))`SELECT key_prefix AS prefix FROM namespace WHERE name = 'default'`,
    );
    await overwrite(`${prefix}nobody`, "x");
    // An upload that was aborted long ago, whose bytes landed after it was cleaned.
    const dead = await upload("dead");
    await pool.query(sql.unsafe`
      ${enteredByTest}, gone AS (UPDATE upload SET file_id = NULL, state = 'aborted', state_time = now() - interval '30 days'
        WHERE upload_id = (SELECT upload_id FROM upload WHERE path = 'dead'))
      DELETE FROM file WHERE path = 'dead'`);
    const stored = { lost, cut, changed, purged, dead };
    const key = (name: keyof typeof stored) => stored[name].s3Key;
    const found = await run("--older-than-days", "0", "--checksums", "--json");
    expect(found.code).to.equal(1);
    const told = found.differences.map((one) => [one.kind, one.key, one.repair]);
    expect(told).to.have.deep.members([
      ["row-without-object", key("lost"), "none"],
      ["size-differs", key("cut"), "none"],
      ["checksum-differs", key("changed"), "none"],
      ["bytes-of-purged", key("purged"), "possible"],
      ["object-without-row", `${prefix}nobody`, "none"],
      ["object-without-row", key("dead"), "possible"],
    ]);
    expect(found.summary).to.deep.include({ objects: 7, rows: 6, repaired: 0 });
    const repaired = await run("--repair", "--json");
    expect(repaired.differences.filter(({ repair }) => repair === "done").map((one) => one.key)).to.have.members([
      key("purged"),
      key("dead"),
    ]);
    const entries = await pool.any(
      sql.type(z.object({ kind: z.string(), id: z.string().nullable() }))`
        SELECT resource_kind AS kind, resource_id AS id FROM journal_entry WHERE action = 'RepairStorage' ORDER BY resource_kind`,
    );
    expect(entries.map(({ kind }) => kind)).to.deep.equal(["file", "upload"]);
    expect(entries[0]?.id).to.equal(purged.fileId);
    const { code, text } = await run();
    expect(code).to.equal(1);
    expect(text).to.contain(`row-without-object: bucket/${lost.s3Key} ("lost", generation 1, 4 B)\n`);
    expect(text).to.match(/^compared 5 objects with 6 rows: 1 [a-z-]+, 1 [a-z-]+; 0 repaired$/m);
  });

  it("goes on behind a position, and prints one when it is cut off", async () => {
    const all = await run("--older-than-days", "0", "--json");
    const keys = all.differences.map(({ key }) => key);
    const after = ["--namespace", "default", "--after", keys[0]];
    const rest = await run("--older-than-days", "0", "--json", ...after);
    expect(rest.differences.map(({ key }) => key)).to.deep.equal(keys.slice(1));
    service.s3.faults.add({
      operation: "ListObjectVersions",
      fault: { kind: "status", status: 403, code: "AccessDenied" },
    });
    const cut = await run(...after);
    expect(cut.code).to.equal(75);
    expect(cut.err).to.contain(`--namespace default --after ${JSON.stringify(keys[0])}`);
  });

  it("says what is wrong with its options", async () => {
    const wrong: [string[], number, string][] = [
      [["--after", "a"], 2, "name it by --namespace"],
      [["--repair", "--older-than-days", "0"], 2, "younger than a day"],
      [["--namespace", "nowhere"], 1, 'there is no namespace "nowhere"'],
    ];
    for (const [args, code, sentence] of wrong) {
      const answer = await run(...args);
      expect(answer.code, answer.err).to.equal(code);
      expect(answer.err).to.contain(sentence);
    }
  });
});
