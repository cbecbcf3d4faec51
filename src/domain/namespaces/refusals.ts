import { DomainError } from "../errors.ts";
import type { Namespace } from "./namespace.ts";
import type { NamespaceRecord, NamespaceUsage } from "./namespace-repository.ts";

/** The sentences with which every repository of namespaces refuses. */

/** `already_exists / NAMESPACE_EXISTS` */
export function namespaceExists({ name, deleteTime }: NamespaceRecord): DomainError {
  const message =
    deleteTime === undefined
      ? `namespace ${name} exists already, with other settings; change it, or choose another name`
      : `namespace ${name} was deleted, and its name is not used again; choose another name`;
  return new DomainError("already_exists", message, { reason: "NAMESPACE_EXISTS", field: "namespace.name" });
}

/** `failed_precondition / PREFIX_OVERLAPS` */
export function prefixOverlaps({ name, bucket, keyPrefix }: Namespace, other: string): DomainError {
  const message = `the keys of ${name} would begin with ${JSON.stringify(keyPrefix)} in bucket ${bucket}, which overlaps the prefix of namespace ${other} there; choose a prefix that neither begins with the other, or another bucket`;
  return new DomainError("failed_precondition", message, { reason: "PREFIX_OVERLAPS", field: "namespace.key_prefix" });
}

/** `failed_precondition / NAMESPACE_NOT_EMPTY` */
export function namespaceNotEmpty(name: string, usage: NamespaceUsage): DomainError {
  const { liveFiles, kept, unfinishedUploads } = usage;
  const message = `namespace ${name} has ${liveFiles} live files, ${kept} deleted or superseded ones that are not purged, and ${unfinishedUploads} unfinished uploads; purge and abort them first`;
  const details = { live_files: liveFiles, kept_generations: kept, unfinished_uploads: unfinishedUploads };
  return new DomainError("failed_precondition", message, { reason: "NAMESPACE_NOT_EMPTY", details });
}

/** `failed_precondition / ETAG_MISMATCH` */
export function namespaceChanged(name: string): DomainError {
  const message = `namespace ${name} was changed since it was read; read it again, and repeat the change on what it is now`;
  return new DomainError("failed_precondition", message, { reason: "ETAG_MISMATCH", field: "etag" });
}

/**
 * Refuses a namespace whose files are elsewhere than is configured: the files written until now would be looked for in the wrong
 * place. `failed_precondition / ARGUMENT_INVALID`.
 */
export function assertSameBinding(record: NamespaceRecord, namespace: Namespace): void {
  const { name } = record;
  if (record.deleteTime !== undefined) {
    const message = `namespace ${name} was deleted, and its name is not used again; configure another name`;
    throw new DomainError("failed_precondition", message, { reason: "ARGUMENT_INVALID", details: { namespace: name } });
  }
  const differences = (["bucket", "region", "keyPrefix"] as const)
    .filter((key) => record[key] !== namespace[key])
    .map((key) => `${key} ${JSON.stringify(record[key])}, not ${JSON.stringify(namespace[key])}`);
  if (differences.length === 0) return;
  const message = `namespace ${name} was set up with ${differences.join(" and ")}; configure what it was set up with, or a namespace of another name`;
  throw new DomainError("failed_precondition", message, { reason: "ARGUMENT_INVALID", details: { namespace: name } });
}
