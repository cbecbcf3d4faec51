import { invalidArgument } from "../errors.ts";
import type { IfVersion, NamespaceRecord } from "./namespace-repository.ts";

/** The etag of a namespace and of its grants: it changes with every change of either. */
export function toNamespaceEtag({ version }: Pick<NamespaceRecord, "version">): string {
  return `"${version}"`;
}

/** What a change is bound to; empty for whatever there is. `invalid_argument` for an etag that no namespace ever had. */
export function parseNamespaceEtag(etag: string): IfVersion {
  if (etag === "") return {};
  const version = /^"(\d{1,15})"$/.exec(etag)?.[1];
  if (version !== undefined) return { ifVersion: Number(version) };
  throw invalidArgument(
    "etag",
    'etag is none of a namespace; send one as it was read, for instance "\\"7\\"", or none',
  );
}
