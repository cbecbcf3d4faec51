import { DomainError, invalidArgument } from "./errors.ts";

/** A tenant's space of paths, bound to one bucket, key prefix and region, with its policy. */
export interface Namespace {
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
}

/** The namespaces that this service knows, by name. */
export type Namespaces = ReadonlyMap<string, Namespace>;

/** The namespace of that name; `not_found / NAMESPACE_NOT_FOUND` otherwise. */
export function requireNamespace(namespaces: Namespaces, name: string): Namespace {
  if (name === "") {
    throw invalidArgument("namespace", `namespace is missing; name one, for instance "${firstName(namespaces)}"`);
  }
  const namespace = namespaces.get(name);
  if (namespace === undefined) {
    throw new DomainError("not_found", `namespace ${JSON.stringify(name.slice(0, 100))} does not exist`, {
      reason: "NAMESPACE_NOT_FOUND",
      field: "namespace",
    });
  }
  return namespace;
}

function firstName(namespaces: Namespaces): string {
  return namespaces.keys().next().value ?? "default";
}
