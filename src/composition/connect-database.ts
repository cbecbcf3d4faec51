import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { NAMESPACE_FIELDS } from "../commands/namespaces/update-namespace.ts";
import type { Config } from "../config/config.ts";
import { DomainError } from "../domain/errors.ts";
import { toBackoffDelayMs } from "../domain/limits/backoff.ts";
import type { Namespace } from "../domain/namespaces/namespace.ts";
import type { NamespaceRecord, NamespaceRepository } from "../domain/namespaces/namespace-repository.ts";
import { createNamespaceRepository } from "../postgres/namespace-repository.ts";
import { createDatabasePools, type DatabasePools } from "../postgres/pool/pool.ts";
import { findServerLacks } from "../postgres/pool/server-lacks.ts";
import { validateMigrations } from "../postgres/schema/migrate.ts";
import { NamespaceDirectory } from "../queries/namespace-directory.ts";
import type { Readiness } from "../rpc/services/readiness.ts";

/** A database that has answered, with a schema that this version knows. */
export interface ConnectedDatabase {
  pools: DatabasePools;
  namespaces: NamespaceRepository;
  /** All namespaces and grants, in memory; it follows their changes until it is stopped. */
  directory: NamespaceDirectory;
}

const CONNECT_BACKOFF = { baseDelayMs: 1000, delayMaxMs: 5000, random: Math.random };

/**
 * Connects to the database, however long that takes: readiness hears what is wrong, and the log does when it changes. Makes the
 * namespace of the environment at the first start, and reads all of them. Rejects when `signal` aborts.
 */
export async function connectDatabase(
  config: Config,
  options: { log: Logger; readiness: Readiness; signal: AbortSignal },
): Promise<ConnectedDatabase> {
  let told: string | undefined;
  for (let failures = 1; ; failures++) {
    try {
      const { pending } = await validateMigrations(config.database);
      if (pending.length > 0) {
        throw new DomainError("unavailable", `the schema lacks ${pending.join(", ")}; run "sluice migrate"`, {
          reason: "DATABASE_UNAVAILABLE",
        });
      }
      const pools = await createDatabasePools({ ...config.database, onReplicaChange: logReplica(options.log) });
      try {
        for (const { message, mend } of await findServerLacks(pools.commands)) options.log.warn(`${message}: ${mend}`);
        const namespaces = createNamespaceRepository(pools.commands);
        logDrift(options.log, await namespaces.ensure(config.namespace), config.namespace);
        const directory = new NamespaceDirectory(namespaces);
        await directory.start();
        if (told !== undefined) options.log.info("the database is usable");
        return { pools, namespaces, directory };
      } catch (error) {
        await pools.end();
        throw error;
      }
    } catch (error) {
      const problem = error instanceof DomainError ? error.message : "has a problem; see the log";
      options.readiness.report("database", problem);
      // The error is logged once, and again when it changes: one line a second would bury everything else.
      if (String(error) !== told) options.log.error({ error }, `the database is not usable: ${problem}`);
      told = String(error);
      await delay(toBackoffDelayMs(CONNECT_BACKOFF, failures), undefined, { signal: options.signal });
    }
  }
}

function logReplica(log: Logger) {
  return (isUsable: boolean, error?: unknown) => {
    if (isUsable) log.info("the read replica answers again");
    else log.warn({ error }, "the read replica does not answer; queries go to the primary");
  };
}

/** The environment says how its namespace is made at the first start. From then on the database says how it is. */
function logDrift(log: Logger, record: NamespaceRecord, configured: Namespace): void {
  const differences = Object.values(NAMESPACE_FIELDS).filter(
    (key) => JSON.stringify(record[key]) !== JSON.stringify(configured[key]),
  );
  if (differences.length === 0) return;
  const fields = Object.fromEntries(
    differences.map((key) => [key, { kept: record[key], configured: configured[key] }]),
  );
  log.warn(
    { namespace: record.name, ...fields },
    "the environment says other limits of this namespace than the database, whose limits hold; change them by UpdateNamespace",
  );
}
