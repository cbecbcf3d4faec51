import type { Config } from "../config/config.ts";
import type { LogLeaves } from "../domain/log/log-leaves.ts";
import type { LogStore } from "../domain/log/log-store.ts";
import type { NoteSigner } from "../domain/log/signed-note.ts";
import type { AuditLogJobs } from "../jobs/publish-audit-log.ts";
import { LogPublisher } from "../journal/log/log-publisher.ts";
import { createLogLeaves } from "../postgres/journal/log-leaves.ts";
import type { DatabasePools } from "../postgres/pool/pool.ts";
import type { Readiness } from "../rpc/services/readiness.ts";
import type { OwnS3Access } from "../s3/create-access.ts";
import { createLogStore } from "../s3/log-store.ts";

/** The audit log, where one is published. */
export interface AuditLog {
  leaves: LogLeaves;
  store: LogStore;
  signers: readonly NoteSigner[];
  jobs: AuditLogJobs;
}

/** Opens the audit log; undefined where none is configured. Nothing is sent yet. */
export function connectAuditLog(
  { auditLog }: Pick<Config, "auditLog">,
  { pools, storage, readiness }: { pools: DatabasePools; storage: OwnS3Access; readiness: Readiness },
): AuditLog | undefined {
  if (auditLog === undefined) return undefined;
  const { bucket, signers } = auditLog;
  const now = () => new Date();
  const leaves = createLogLeaves(pools.commands);
  const store = createLogStore(storage.at(bucket), { ...auditLog, now });
  const report = (problem: string | undefined) => readiness.degrade("audit-log", problem);
  const publisher = new LogPublisher({ leaves, store, signers, now });
  return { leaves, store, signers, jobs: { publisher, leaves, report } };
}

/** Region of the audit log's bucket, which may be that of no namespace; undefined of another bucket. */
export function toAuditRegion({ auditLog }: Pick<Config, "auditLog">, bucket: string): string | undefined {
  return auditLog?.bucket === bucket ? auditLog.region : undefined;
}
