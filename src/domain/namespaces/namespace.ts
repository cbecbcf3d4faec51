import { invalidArgument } from "../errors.ts";
import { namespaceNotFound } from "../repository-refusals.ts";
import type { AUDIT_POLICIES } from "./namespace-bounds.ts";
import type { Quotas } from "./quotas.ts";

/** A tenant's space of paths, bound to one bucket, key prefix and region, with its policy. */
export interface Namespace extends Quotas {
  /** 1 to 63 of a-z, 0-9 and "-". It never changes, and a deleted one is never used again. */
  name: string;
  bucket: string;
  region: string;
  /** Where its files may lie, `region` among them unless the policy was changed since; at least one. */
  allowedRegions: readonly string[];
  /** Put before every key; empty or ending in "/". */
  keyPrefix: string;
  /** Largest file, in bytes. */
  fileSizeMaxBytes: number;
  /** How long a deleted or superseded generation can be restored, in milliseconds. */
  retentionMs: number;
  /** How long a new generation is retained from its commit on: neither deleted nor purged before; 0 for not at all. */
  retainDefaultMs: number;
  /** Longest life of a presigned download URL, in milliseconds. */
  downloadUrlLifetimeMaxMs: number;
  /** Longest life of a URL that takes a part, in milliseconds. */
  partUrlLifetimeMaxMs: number;
  /** Longest life of a link, in milliseconds. */
  linkLifetimeMaxMs: number;
  audit: AuditPolicy;
}

/**
 * What an answer owes to the journal. "required": a read or a denial is answered once its entry is committed, and refused when
 * that cannot be. "best-effort": nobody waits; when entries find no room, an entry says how many there were.
 */
export type AuditPolicy = (typeof AUDIT_POLICIES)[number];

/** The namespaces that this process knows, by name. */
export interface Namespaces {
  get(name: string): Namespace | undefined;
  values(): Iterable<Namespace>;
}

/** The namespace of that name; `not_found / NAMESPACE_NOT_FOUND` otherwise. */
export function requireNamespace(namespaces: Namespaces, name: string): Namespace {
  if (name === "") throw invalidArgument("namespace", 'namespace is missing; name one, for instance "default"');
  const namespace = namespaces.get(name);
  if (namespace === undefined) throw namespaceNotFound(name);
  return namespace;
}
