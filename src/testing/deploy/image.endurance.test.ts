import { randomUUID } from "node:crypto";
import { expect } from "chai";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { crc32 } from "../../domain/crc32.ts";
import {
  IMAGE_NODE,
  type ImageContainer,
  openTestImage,
  type TestImage,
  wordsOf,
} from "../rigs/containers/test-image.ts";
import { createTestDatabase, type TestDatabase } from "../rigs/database/postgres.ts";
import { SERVICE_TOKEN } from "../rigs/service/running-service.ts";
import { type DevS3, startDevS3 } from "../rigs/storage/dev-s3.ts";
import { until } from "../rigs/until.ts";
import { RawConnection } from "../rigs/uploads/raw-write-call.ts";
import { seededBytes } from "../rigs/uploads/upload-rig.ts";

const PART_BYTES = 5 * 2 ** 20;

describe("deploy/docker", () => {
  let image: TestImage;
  let database: TestDatabase;
  let s3: DevS3;
  before(async function () {
    const opened = await openTestImage();
    if (typeof opened === "string") {
      console.log(`    skipped: ${opened}`);
      return this.skip();
    }
    image = opened;
    database = await createTestDatabase();
    s3 = await startDevS3();
  });
  after(async () => {
    await image?.close();
    await s3?.stop();
    await database?.drop();
  });

  const serve = async () => {
    const port = await findFreePort();
    const container = await image.run({
      // A static token is for development.
      NODE_ENV: "development",
      AWS_ACCESS_KEY_ID: s3.endpoint.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.endpoint.secretAccessKey,
      SLUICE_LISTEN: `127.0.0.1:${port}`,
      SLUICE_DATABASE_URL: database.url,
      SLUICE_S3_BUCKET: s3.endpoint.bucket,
      SLUICE_S3_REGION: s3.endpoint.region,
      SLUICE_S3_ENDPOINT: s3.endpoint.url,
      SLUICE_AUTH: "dev",
      SLUICE_DEV_TOKEN: SERVICE_TOKEN,
      SLUICE_WORKERS: "2",
    });
    const url = `http://127.0.0.1:${port}`;
    await until("the container is ready", async () => {
      const { State } = await container.inspect();
      if (!State.Running) throw new Error(`the container ended with ${State.ExitCode}: ${await wordsOf(container)}`);
      return await fetch(`${url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    });
    return { container, url };
  };
  /** What a command within the container prints, and how it ends. */
  const execute = async (container: ImageContainer, ...Cmd: string[]) => {
    const execution = await container.exec({ Cmd, AttachStdout: true, AttachStderr: true });
    const stream = await execution.start({});
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    // Each piece has a head of eight bytes, which says which stream it belongs to.
    const { ExitCode } = await execution.inspect();
    return { code: ExitCode, text: Buffer.concat(chunks).subarray(8).toString() };
  };

  it("serves uploads without root, and tells them at its end where to go on", async () => {
    const { container, url } = await serve();
    expect((await execute(container, "id", "-u")).text).to.equal("1000\n");
    expect((await execute(container, "node", "/sluice/deploy/docker/health.js")).code).to.equal(0);
    expect((await execute(container, "node", "--version")).text).to.satisfy((text: string) =>
      text.startsWith(`v${IMAGE_NODE}.`),
    );
    expect((await execute(container, "sluice", "--version")).text).to.match(/^\d+\.\d+\.\d+/);
    expect((await execute(container, "sh", "-c", "touch /sluice/x")).code, "a file in its folder").to.not.equal(0);

    const bytes = seededBytes(4 * PART_BYTES);
    const start = (call: ReturnType<RawConnection["write"]>, size: number) => {
      const value = { requestId: randomUUID(), namespace: "default", path: `image/${size}`, sizeBytes: BigInt(size) };
      return call.send({ start: { target: { case: "create", value } } });
    };
    const connection = new RawConnection(url);
    const whole = start(connection.write(), bytes.length)
      .sendBytes(bytes)
      .send({ finish: { crc32: crc32(bytes) } })
      .end();
    expect((await whole.committed()).receipt?.crc32).to.equal(crc32(bytes));
    const read = await fetch(`${url}/v1/namespaces/default/files/image/${bytes.length}?alt=media&redirect=false`, {
      headers: { authorization: `Bearer ${SERVICE_TOKEN}` },
    });
    expect(Buffer.from(await read.arrayBuffer()).equals(bytes)).to.equal(true);

    const half = start(connection.write(), 10 * bytes.length).sendBytes(bytes);
    await until("a part is durable", () =>
      half.answers.some(({ message }) => message.case === "progress" && message.value.durableBytes > 0n),
    );
    await container.stop({ t: 60 });
    expect((await half.status).reason).to.equal("SHUTTING_DOWN");
    expect((await half.status).metadata).to.have.property("durable_offset");
    expect((await container.inspect()).State.ExitCode).to.equal(0);
    connection.session.destroy();
  });

  it("adds 60 MB at most to its base, before compression", async () => {
    expect(await image.ownBytes()).to.be.within(20e6, 60e6);
  });

  it("says what is missing, and migrates a database", async () => {
    const wrong = await image.run({}, ["migrate"]);
    await wrong.wait();
    expect((await wrong.inspect()).State.ExitCode).to.equal(1);
    expect(await wordsOf(wrong)).to.include("SLUICE_DATABASE_URL is missing");
    const right = await image.run({ SLUICE_DATABASE_URL: database.url }, ["migrate"]);
    await right.wait();
    expect(await wordsOf(right)).to.include("the schema is up to date");
  });
});
