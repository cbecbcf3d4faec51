import type { NamespaceRecord } from "../domain/namespaces/namespace-repository.ts";
import { namespaceNotFound } from "../domain/repository-refusals.ts";
import type { QueryOptions } from "./query-options.ts";

/** The namespaces in memory, which can be made as young as the database. */
export interface NamespaceRecords {
  catchUp(): Promise<void>;
  get(name: string): NamespaceRecord | undefined;
}

/**
 * A namespace with its grants as the database has it now: what somebody reads and then changes by its etag must not be older.
 * Errors: `not_found / NAMESPACE_NOT_FOUND`, `unavailable / DATABASE_UNAVAILABLE`.
 */
export async function getNamespace(
  records: NamespaceRecords,
  { namespace }: { namespace: string },
  _options: QueryOptions,
): Promise<NamespaceRecord> {
  await records.catchUp();
  const record = records.get(namespace);
  if (record === undefined) throw namespaceNotFound(namespace);
  return record;
}
