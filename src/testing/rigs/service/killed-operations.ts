import { Client } from "pg";
import { createSluiceClient, type SluiceClient } from "../../../client/client.ts";
import { findFreePort } from "../../../devstack/tcp-port.ts";
import { createPostgresSubject } from "../database/postgres-subject.ts";
import { type DevS3, startDevS3 } from "../storage/dev-s3.ts";
import { SERVICE_TOKEN } from "./running-service.ts";
import { type ServiceProcess, startServiceProcess } from "./service-process.ts";

/** A database and storage, and services over them that die one after the other. */
export interface KilledOperations {
  readonly subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  readonly s3: DevS3;
  /** A connection of the database's owner. */
  readonly sql: Client;
  /** Starts a service, which waits for no lease of a dead one. */
  start(): Promise<{ service: ServiceProcess; client: SluiceClient }>;
  close(): Promise<void>;
}

/** Prepares services of which a test kills one amid an operation, so that another one goes on with it. */
export async function prepareKilledOperations(): Promise<KilledOperations> {
  const [subject, s3] = [await createPostgresSubject(), await startDevS3({ multipartMinPartBytes: 1 })];
  const sql = new Client({ connectionString: subject.url });
  await sql.connect();
  const running: { service: ServiceProcess; client: SluiceClient }[] = [];
  return {
    ...{ subject, s3, sql },
    async start() {
      await sql.query("UPDATE job_lease SET until_time = '-infinity'");
      // The namespace of the subject.
      const settings = { SLUICE_S3_KEY_PREFIX: "default/" };
      const options = { databaseUrl: subject.url, port: await findFreePort(), settings };
      const service = await startServiceProcess(s3.endpoint, options);
      const client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
      running.push({ service, client });
      return { service, client };
    },
    async close() {
      for (const { service, client } of running) {
        client.close();
        await service.kill();
      }
      await sql.end();
      await s3.stop();
      await subject.close();
    },
  };
}
