import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { DomainError } from "../domain/errors.ts";
import type { Namespace } from "../domain/namespace.ts";
import { atBorder } from "./pool/errors.ts";

/** The part of a namespace that its files depend on for ever. */
export type NamespaceBinding = Pick<Namespace, "name" | "bucket" | "region" | "keyPrefix">;

/**
 * Records a configured namespace, or checks that it is the one recorded before. Another bucket, region or prefix is
 * `failed_precondition / ARGUMENT_INVALID`: the files written until now would be looked for in the wrong place.
 */
export async function ensureNamespace(pool: DatabasePool, namespace: NamespaceBinding): Promise<void> {
  const recorded = await atBorder({ upsert: (binding: NamespaceBinding) => upsert(pool, binding) }).upsert(namespace);
  assertSame(recorded, namespace);
}

/** Whether the namespace is recorded already. Records nothing; errors are those of `ensureNamespace`. */
export async function isNamespaceRecorded(pool: DatabasePool, namespace: NamespaceBinding): Promise<boolean> {
  const recorded = await atBorder({ find: (name: string) => find(pool, name) }).find(namespace.name);
  if (recorded !== undefined) assertSame(recorded, namespace);
  return recorded !== undefined;
}

function assertSame(recorded: Omit<NamespaceBinding, "name">, namespace: NamespaceBinding): void {
  const differences = (["bucket", "region", "keyPrefix"] as const)
    .filter((name) => recorded[name] !== namespace[name])
    .map((name) => `${name} ${JSON.stringify(recorded[name])}, not ${JSON.stringify(namespace[name])}`);
  if (differences.length === 0) return;
  throw new DomainError(
    "failed_precondition",
    `namespace ${namespace.name} was set up with ${differences.join(" and ")}; configure what it was set up with, or a namespace of another name`,
    { reason: "ARGUMENT_INVALID", details: { namespace: namespace.name } },
  );
}

const namespaceRow = z.object({ bucket: z.string(), region: z.string(), key_prefix: z.string() });

async function upsert(pool: DatabasePool, namespace: NamespaceBinding): Promise<Omit<NamespaceBinding, "name">> {
  await pool.query(sql.unsafe`
    INSERT INTO namespace (name, bucket, region, key_prefix)
    VALUES (${namespace.name}, ${namespace.bucket}, ${namespace.region}, ${namespace.keyPrefix})
    ON CONFLICT (name) DO NOTHING`);
  return (await find(pool, namespace.name)) as Omit<NamespaceBinding, "name">;
}

async function find(pool: DatabasePool, name: string): Promise<Omit<NamespaceBinding, "name"> | undefined> {
  const row = await pool.maybeOne(
    sql.type(namespaceRow)`SELECT bucket, region, key_prefix FROM namespace WHERE name = ${name}`,
  );
  return row === null ? undefined : { bucket: row.bucket, region: row.region, keyPrefix: row.key_prefix };
}
