import { invalidArgument } from "../errors.ts";
import type { IfVersion, NamespaceRecord } from "./namespace-repository.ts";

/** The etag of a namespace and of its grants, without quotes: it changes with every change of either. */
export function toNamespaceEtag({ version }: Pick<NamespaceRecord, "version">): string {
  return String(version);
}

/** What a change is bound to; empty for whatever there is. `invalid_argument` for an etag that no namespace ever had. */
export function parseNamespaceEtag(etag: string): IfVersion {
  if (etag === "") return {};
  if (/^\d{1,15}$/.test(etag)) return { ifVersion: Number(etag) };
  throw invalidArgument("etag", 'etag is none of a namespace; send one as it was read, for instance "7", or none');
}
