import { randomUUID } from "node:crypto";
import type { FileRepository } from "../../src/domain/files/file-repository.ts";

/** A change of a file's labels, as UpdateFile makes it: the label says which change of the file it is. */
export function toChange(principal: string): Parameters<FileRepository["update"]>[2] {
  const actor = { principal, tokenKind: "oidc" } as const;
  const named = { namespace: "default", principal, actor, method: "UpdateFile" } as const;
  return {
    identity: { ...named, requestId: randomUUID(), contentSha256: Buffer.alloc(32) },
    change: (before) => ({ ...before, labels: { n: String(before.metageneration + 1) } }),
  };
}
