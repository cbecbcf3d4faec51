import type { DatabasePool } from "slonik";
import type { Namespace } from "../../../domain/namespaces/namespace.ts";
import type { NamespaceRecord } from "../../../domain/namespaces/namespace-repository.ts";
import { createNamespaceRepository } from "../../../postgres/namespace-repository.ts";
import { sampleNamespace } from "../../samples/sample-records.ts";

/** Makes the sample namespace, with other values where they are given. */
export async function ensureNamespace(
  pool: DatabasePool,
  overrides: Partial<Namespace> = {},
): Promise<NamespaceRecord> {
  return await createNamespaceRepository(pool).ensure(sampleNamespace(overrides));
}
