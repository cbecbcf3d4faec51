import { PostgreSqlContainer } from "@testcontainers/postgresql";
import { GenericContainer, getContainerRuntimeClient, Wait } from "testcontainers";
import { migrate } from "../../../postgres/schema/migrate.ts";
import { createDatabaseOn, type TestDatabase } from "../database/postgres.ts";
import { createBucket } from "../storage/s3-judge.ts";
import type { S3Endpoint } from "../storage/s3-subject.ts";

/** Starting includes fetching the image the first time, in milliseconds. */
const START_TIMEOUT_MS = 180_000;

/** An S3 server in a container. */
export interface S3Container {
  endpoint: S3Endpoint;
  stop(): Promise<void>;
}

/** A PostgreSQL server in a container. */
export interface PostgresContainer {
  /** A fresh database with the migrations applied. */
  createDatabase(): Promise<TestDatabase>;
  stop(): Promise<void>;
}

/** The sentence that says why no container can be started here; undefined where a Docker API answers. */
export async function findDockerProblem(): Promise<string | undefined> {
  try {
    await getContainerRuntimeClient();
    return undefined;
  } catch (error) {
    return `no Docker API answers: ${(error as Error).message}`;
  }
}

/** PostgreSQL 15 as it is on Docker Hub. */
export async function startPostgresContainer(): Promise<PostgresContainer> {
  const container = await new PostgreSqlContainer("postgres:15-alpine")
    // Not every engine runs the image's health checks. The server starts twice: for its set-up, and for good.
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .withStartupTimeout(START_TIMEOUT_MS)
    .start();
  const serverUrl = container.getConnectionUri();
  let databases = 0;
  const createDatabase = async () => {
    const { url, ...database } = await createDatabaseOn(serverUrl, { name: `contract_${++databases}` });
    await migrate({ url });
    // The container has an address of its own, and no certificate.
    return { ...database, url: `${url}?sslmode=disable` };
  };
  const stop = async () => void (await container.stop());
  return { createDatabase, stop };
}

/** versitygw as it is on Docker Hub. */
export async function startVersitygwContainer(): Promise<S3Container> {
  const credentials = { accessKeyId: "versity", secretAccessKey: "versity-secret" };
  const region = "eu-central-1";
  const serve = `versitygw=$(command -v versitygw || command -v /versitygw || command -v /app/versitygw) &&
    mkdir -p /tmp/meta /tmp/versions /tmp/data &&
    exec "$versitygw" --keep-alive --quiet --region ${region} --port :7070 \\
      posix --sidecar /tmp/meta --versioning-dir /tmp/versions /tmp/data`;
  const container = await new GenericContainer("versity/versitygw:v1.8.0")
    .withEntrypoint(["/bin/sh"])
    .withCommand(["-c", serve])
    .withEnvironment({ ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey })
    .withExposedPorts(7070)
    // It answers 403 to requests without a signature.
    .withWaitStrategy(Wait.forHttp("/", 7070).forStatusCode(403))
    .withStartupTimeout(START_TIMEOUT_MS)
    .start();
  const url = `http://${container.getHost()}:${container.getMappedPort(7070)}`;
  return await withBucket({ ...credentials, url, region, bucket: "sluice-contract" }, container);
}

async function withBucket(endpoint: S3Endpoint, container: { stop(): Promise<unknown> }): Promise<S3Container> {
  const stop = async () => void (await container.stop());
  try {
    await createBucket(endpoint);
    return { endpoint, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
