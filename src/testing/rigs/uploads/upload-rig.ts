import { randomUUID } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { Client } from "pg";
import type { CreateUploadRequestSchema, WriteUploadCommitted } from "../../../../gen/sluice/v1/upload_service_pb.ts";
import { createSluiceClient, type SluiceClient } from "../../../client/client.ts";
import type { SweepLimits, SweepResult } from "../../../jobs/sweep-uploads.ts";
import { type RunningService, SERVICE_TOKEN, type ServiceOptions, startService } from "../service/running-service.ts";
import { createTestAccess } from "../storage/s3-subject.ts";
import { until } from "../until.ts";
import { RawConnection, type RawStatus, type RawWriteCall } from "./raw-write-call.ts";
import { openTestSweeper, type SweeperOptions } from "./test-sweeper.ts";

/** What a refusal must say. */
export interface Refusal {
  /** gRPC code by number. */
  code: number;
  reason: string;
  /** A piece of the sentence. */
  says: string | RegExp;
  /** The field that BadRequest names. */
  field?: string;
  /** Some of ErrorInfo's metadata. */
  metadata?: Readonly<Record<string, string>>;
}

/** Bytes that look random and follow from the seed. */
export function seededBytes(lengthBytes: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(lengthBytes);
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  for (let at = 0; at < lengthBytes; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}

/** A running service and callers of it, for tests of uploads. */
export class UploadRig {
  readonly service: RunningService;
  readonly client: SluiceClient;
  readonly #connections: RawConnection[] = [];
  readonly #storage: ReturnType<typeof createTestAccess>;
  #paths = 0;

  private constructor(service: RunningService) {
    this.service = service;
    this.client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
    this.#storage = createTestAccess(service.endpoint);
  }

  /** Starts a service with a rig around it. Where the database is the rig's own, nothing is swept but when the test says so. */
  static async start(options: ServiceOptions = {}): Promise<UploadRig> {
    const rig = new UploadRig(await startService(options));
    if (options.databaseUrl !== undefined) return rig;
    await rig.query(
      `INSERT INTO job_lease (name, holder, until_time)
       SELECT name, 'the test', now() + interval '1 day' FROM unnest($1::text[]) AS n (name)`,
      [["sweep-uploads/default", "sweep-orphans/default", "purge-files/default"]],
    );
    return rig;
  }

  async stop(): Promise<void> {
    this.client.close();
    await Promise.all(this.#connections.map((connection) => connection.close()));
    this.#storage.close();
    await this.service.stop();
  }

  /** A path that nothing else uses. */
  nextPath(): string {
    return `files/${++this.#paths}.bin`;
  }

  /** A connection of its own, to this service or to a replica of it. */
  connect(url = this.service.url): RawConnection {
    const connection = new RawConnection(url);
    this.#connections.push(connection);
    return connection;
  }

  /** Opens a call that creates an upload; what the request does not say is chosen. */
  create(request: MessageInitShape<typeof CreateUploadRequestSchema> = {}, connection = this.connect()): RawWriteCall {
    const value = { requestId: randomUUID(), namespace: "default", path: this.nextPath(), ...request };
    return connection.write().send({ start: { target: { case: "create", value } } });
  }

  /** Opens a call that continues an upload. */
  resume(uploadId: string, connection = this.connect()): RawWriteCall {
    return connection
      .write()
      .send({ start: { target: { case: "upload", value: { namespace: "default", uploadId } } } });
  }

  /** Sends what is missing of an upload, from where the service says, and compares the file with the bytes. */
  async complete(uploadId: string, bytes: Uint8Array, connection = this.connect()): Promise<WriteUploadCommitted> {
    const call = this.resume(uploadId, connection);
    const { durableOffset, durableCrc32 } = await call.started();
    const offset = Number(durableOffset);
    expect(durableCrc32, "CRC32 of the durable bytes").to.equal(crc32(bytes.subarray(0, offset)));
    call
      .sendBytes(bytes.subarray(offset), { offset, crc32 })
      .send({ finish: { crc32: crc32(bytes) } })
      .end();
    const committed = await call.committed();
    await this.expectFile(committed, bytes);
    return committed;
  }

  /** Expects that the committed file holds these bytes. */
  async expectFile({ file, receipt }: WriteUploadCommitted, bytes: Uint8Array): Promise<void> {
    expect(Number(receipt?.sizeBytes)).to.equal(bytes.length);
    expect(receipt?.crc32).to.equal(crc32(bytes));
    expect((await this.download(file?.path ?? "")).equals(bytes), "the stored bytes are those sent").to.equal(true);
  }

  /** The file at a path, through its presigned URL. */
  async download(path: string): Promise<Buffer> {
    const { url } = await this.client.createDownloadUrl(path);
    const answer = await fetch(url, { headers: { connection: "close" } });
    expect(answer.status).to.equal(200);
    return await buffer(answer.body as NonNullable<typeof answer.body>);
  }

  /** Runs SQL on the service's database. */
  async query(statement: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.service.databaseUrl });
    await client.connect();
    try {
      return (await client.query(statement, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Aborts a multipart upload behind the service's back, as a lifecycle rule would. */
  async abortInStorage(key: string, multipartId: string): Promise<void> {
    const target = { Bucket: this.service.endpoint.bucket, Key: key, UploadId: multipartId };
    await this.#storage.access.client.send(new AbortMultipartUploadCommand(target));
  }

  /** Whether storage has an object of this key. */
  async hasObject(key: string): Promise<boolean> {
    const target = { Bucket: this.service.endpoint.bucket, Prefix: key };
    const { Contents = [] } = await this.#storage.access.client.send(new ListObjectsV2Command(target));
    return Contents.some((object) => object.Key === key);
  }

  /** What a sweeper of this service works on. */
  get sweeperOptions(): SweeperOptions {
    const { config, databaseUrl, endpoint } = this.service;
    return { databaseUrl, endpoint, namespace: config.namespace, limits: config.uploads };
  }

  /** Does what the sweepers of uploads and orphans do by the clock, now, with what is of any age. */
  async sweep(limits: Partial<SweepLimits> = {}): Promise<SweepResult> {
    const sweeper = await openTestSweeper(this.sweeperOptions);
    try {
      const swept = await sweeper.sweep(limits);
      const { errors } = await sweeper.sweepOrphans();
      return { ...swept, errors: [...swept.errors, ...errors] };
    } finally {
      await sweeper.close();
    }
  }

  /** Expects that nobody holds a slot or memory, that S3 has only what rows own, and that no defect was logged. */
  async expectNothingLeft(): Promise<void> {
    const { app, errorsLogged } = this.service;
    await until("no session and no memory is held", () => app.load.sessions === 0 && app.load.partBytes === 0);
    await until("storage holds only what rows own", async () => (await this.#findUnowned()).length === 0).catch(
      async (error) => {
        throw new Error(`${(error as Error).message}: ${(await this.#findUnowned()).join(", ")}`);
      },
    );
    const defects = errorsLogged.filter(({ reason }) => reason === undefined);
    expect(defects, "defects logged").to.deep.equal([]);
  }

  async #findUnowned(): Promise<string[]> {
    const { client } = this.#storage.access;
    const target = { Bucket: this.service.endpoint.bucket };
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand(target));
    const { Contents = [] } = await client.send(new ListObjectsV2Command(target));
    const rows = await this.query(
      `SELECT multipart_id AS name FROM upload WHERE state IN ('open', 'completing')
       UNION ALL SELECT object_key FROM upload WHERE state IN ('assembled', 'committed')
       UNION ALL SELECT s3_key || '.' || n FROM upload, generate_series(1, put_attempt) n WHERE cleanup_time IS NULL
       UNION ALL SELECT s3_key FROM file`,
    );
    const owned = new Set(rows.map(({ name }) => name));
    const found = [...Uploads.map(({ UploadId }) => UploadId), ...Contents.map(({ Key }) => Key)];
    return found.filter((name): name is string => name !== undefined && !owned.has(name));
  }
}

/** Expects that a call ends with that refusal; an upload error must carry the durable offset, which is returned too. */
export async function expectRefused(call: RawWriteCall, refusal: Refusal): Promise<RawStatus> {
  const status = await call.status;
  expect({ code: status.code, reason: status.reason }, status.message).to.deep.equal({
    code: refusal.code,
    reason: refusal.reason,
  });
  if (typeof refusal.says === "string") expect(status.message).to.include(refusal.says);
  else expect(status.message).to.match(refusal.says);
  expect(status.metadata).to.include(refusal.metadata ?? {});
  if (refusal.field !== undefined) expect(status.field).to.equal(refusal.field);
  return status;
}
