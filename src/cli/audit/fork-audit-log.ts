import { parseConfig } from "../../config/config.ts";
import { toForkFolder, toForkOrigin } from "../../domain/log/fork.ts";
import { createLogLeaves } from "../../postgres/journal/log-leaves.ts";
import { createDatabasePool } from "../../postgres/pool/pool.ts";
import { createS3Access } from "../../s3/create-access.ts";
import { createLogStore } from "../../s3/log-store.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { printLine, type Terminal } from "../terminal/terminal.ts";

/**
 * `sluice audit fork --continue`: has the service publish a log of its own for the database as it is now, in a folder that no log has.
 * Prints its origin. Throws ConfigError, and UsageError where no log is published.
 */
export async function runForkAuditLog(terminal: Terminal): Promise<void> {
  const config = parseConfig(terminal.env);
  if (config.auditLog === undefined)
    throw new UsageError(
      "no audit log is published here; set SLUICE_AUDIT_BUCKET and SLUICE_AUDIT_KEYS as the service has them",
    );
  const { bucket, prefix, region, signers } = config.auditLog;
  const pool = await createDatabasePool("fork", { ...config.database, limits: { connectionsMax: 1 } });
  const { at, close } = createS3Access(config, { regionOf: () => region });
  try {
    const leaves = createLogLeaves(pool);
    const store = createLogStore(at(bucket), { ...config.auditLog, now: () => new Date() });
    let { fork } = await leaves.begin();
    // A database that was restored before knows nothing of logs that began after the backup.
    do fork++;
    while ((await store.read(`${toForkFolder(fork)}claim`)) !== undefined);
    if (!(await leaves.continueAs(fork)))
      throw new UsageError("somebody else has let another log begin at the same time; look whether that is published");
    printLine(
      terminal,
      `the log ${toForkOrigin(signers[0]?.name ?? "", fork)} begins in ${bucket}/${prefix}${toForkFolder(fork)}`,
    );
  } finally {
    close();
    await pool.end();
  }
}
