import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { migrate } from "../../postgres/schema/migrate.ts";
import { startRdsGate } from "../rigs/database/rds-gate.ts";
import { startTrustingPostgres } from "../rigs/database/trusting-postgres.ts";
import { startServiceProcess } from "../rigs/service/service-process.ts";
import { startDevS3 } from "../rigs/storage/dev-s3.ts";
import { createTlsCertificate } from "../rigs/tls-certificate.ts";

/** A deployment as it was rendered for a database. */
export interface Deployment {
  /** Arguments of the task that migrates. */
  migrationArgs: readonly string[];
  /** The environment of the service, without its secrets. */
  environment: Readonly<Record<string, string>>;
}

/** Where the deployment is to find the database, and the region that it is in. */
interface Site {
  region: string;
  /** Renders the deployment for a database at 127.0.0.1. */
  renderFor(databasePort: number): Promise<Deployment>;
  /** Is given the URL of the service once it is ready. */
  probe?(url: string): Promise<void>;
}

/**
 * Migrates a database and starts the service, both as a deployment says, with the bucket `my-files` and a database that takes nothing but
 * tokens of RDS for the role that the migration made. Resolves, once the service was ready and has been stopped, to its exit code and
 * the number of its logins; to undefined where no certificate can be made. Rejects when the service ends before it is ready.
 */
export async function runDeployed(site: Site): Promise<{ exitCode: number | null; logins: number } | undefined> {
  const certificate = await createTlsCertificate();
  if (certificate === undefined) return undefined;
  const directory = await mkdtemp(join(tmpdir(), "sluice-test-deployed-"));
  const s3 = await startDevS3({ buckets: ["my-files"] });
  const postgres = await startTrustingPostgres(join(directory, "postgres"));
  const { accessKeyId, secretAccessKey } = s3.endpoint;
  const gate = await startRdsGate(postgres.port, {
    ...{ certificate, credentials: { accessKeyId, secretAccessKey }, region: site.region, now: Date.now },
    iamUsers: ["sluice_service"],
  });
  try {
    const { migrationArgs, environment } = await site.renderFor(Number(gate.url.port));
    const [command, option, serviceRole] = migrationArgs;
    if (command !== "migrate" || option !== "--grant-to")
      throw new Error(`the migration runs ${migrationArgs.join(" ")}`);
    await migrate({ url: postgres.url, serviceRole });
    await writeFile(join(directory, "ca.pem"), certificate.cert);
    const port = await findFreePort();
    const { SLUICE_DATABASE_URL: databaseUrl = "", ...settings } = environment;
    // What this machine has in place of AWS: its own addresses, the authority of its database, and the value of the secret.
    const here = {
      SLUICE_LISTEN: `127.0.0.1:${port}`,
      SLUICE_DATABASE_CA: join(directory, "ca.pem"),
      SLUICE_TOKEN_KEYS: `["${"k".repeat(64)}"]`,
      OTEL_SDK_DISABLED: "true",
      ...(settings.SLUICE_METRICS_LISTEN !== undefined && { SLUICE_METRICS_LISTEN: "127.0.0.1:0" }),
    };
    const endpoint = { ...s3.endpoint, bucket: "my-files" };
    const running = await startServiceProcess(endpoint, { databaseUrl, port, settings: { ...settings, ...here } });
    try {
      await site.probe?.(running.url);
    } catch (error) {
      await running.kill();
      throw error;
    }
    return { exitCode: await running.stop(), logins: gate.seen.logins };
  } finally {
    await gate.stop();
    await postgres.stop();
    await s3.stop();
    await rm(directory, { recursive: true, force: true });
  }
}
