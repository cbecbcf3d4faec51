import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createGzip } from "node:zlib";
import { EXPORT_KEPT_MS, toExportKey } from "../../domain/exported-object.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import { type BucketRegions, requireResident } from "../../domain/residency.ts";
import {
  type ExportAccess,
  type ExportAuditRequest,
  type ExportMessage,
  type ExportOptions,
  type ExportProgress,
  exportAudit,
} from "./export-audit.ts";

/** What exports into a bucket work with. */
export interface BucketExportAccess extends ExportAccess {
  objects: Pick<ObjectStore, "writeStream">;
  /** Signs as callers may read. */
  downloads: Pick<ObjectStore, "presignDownload">;
  regions: BucketRegions;
  /** The line of a message, with its end. */
  toLine: (message: ExportMessage) => string;
  /** The time by the clock of storage. */
  now: () => Date;
}

/** An object with exported entries. */
export interface AuditExport {
  kind: "export";
  bucket: string;
  key: string;
  url: string;
  urlExpireTime: Date;
  expireTime: Date;
  sizeBytes: number;
  count: number;
  lastSequence: number;
}

/**
 * Writes what `exportAudit` yields into an object of the namespace's bucket, as lines that are compressed by gzip. Yields its progress
 * every few seconds, and the object once it is there; memory is some parts of the object. A consumer who stops before that makes
 * none. The object is not under Object Lock, because the bucket of files has no default retention: it would forbid every purge.
 * Ends as `exportAudit` does, with `failed_precondition / RESIDENCY_VIOLATION`, or with an error of storage.
 */
export async function* exportAuditToBucket(
  access: BucketExportAccess,
  request: ExportAuditRequest,
  options: ExportOptions,
): AsyncGenerator<ExportProgress | AuditExport, void, undefined> {
  const { bucket, ...namespace } = requireResident(access, request.namespace);
  const expireTime = new Date(access.now().getTime() + EXPORT_KEPT_MS);
  const key = toExportKey(namespace, { kind: "audit", id: randomUUID(), extension: "ndjson.gz", expireTime });
  const lines = createGzip();
  const writing = access.objects.writeStream({ bucket, key, contentType: "application/gzip" }, lines);
  // Either is awaited below, but maybe only after it has failed.
  lines.on("error", () => {});
  writing.catch(() => {});
  try {
    let told: ExportProgress = { kind: "progress", sequence: request.afterSequence, count: 0 };
    let toldAt = Number.NEGATIVE_INFINITY;
    let end = { count: 0, lastSequence: 0 };
    for await (const message of exportAudit(access, request, options)) {
      if (message.kind === "progress") told = message;
      else if (!lines.write(access.toLine(message))) await Promise.race([once(lines, "drain"), writing]);
      if (message.kind === "entry") told = { ...told, sequence: message.entry.sequence, count: told.count + 1 };
      if (message.kind === "end") end = { count: message.count, lastSequence: message.lastSequence };
      if (performance.now() - toldAt < access.limits.progressEveryMs) continue;
      yield told;
      toldAt = performance.now();
    }
    lines.end();
    const { sizeBytes } = await writing;
    const lifetimeMs = namespace.downloadUrlLifetimeMaxMs;
    const name = `audit-${namespace.name}-${end.lastSequence}.ndjson.gz`;
    const url = await access.downloads.presignDownload(bucket, key, {
      lifetimeMs,
      contentType: "application/gzip",
      contentDisposition: `attachment; filename="${name}"`,
    });
    const urlExpireTime = new Date(access.now().getTime() + lifetimeMs);
    yield { kind: "export", bucket, key, url, urlExpireTime, expireTime, sizeBytes, ...end };
  } finally {
    lines.destroy(new Error("the export ended before it was complete"));
    // Nothing of an export that was not complete is left in storage once this has settled.
    await writing.catch(() => {});
  }
}
