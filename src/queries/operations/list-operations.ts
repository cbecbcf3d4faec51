import { type Caller, toRequester } from "../../domain/caller.ts";
import type { Operation } from "../../domain/jobs/operation.ts";
import type { OperationRepository } from "../../domain/jobs/operation-repository.ts";
import { requireNamespace } from "../../domain/namespaces/namespace.ts";
import { type PageRequest, parsePageSize } from "../file-page.ts";
import { fromLinkPageToken, toLinkPageToken } from "../page-token.ts";
import type { OperationSight } from "./find-operation.ts";

/**
 * One page of the operations of a namespace, the newest first: of the caller's own, or of everybody's where they may see those. Errors:
 * `invalid_argument / PAGE_TOKEN_INVALID`, `ARGUMENT_INVALID` for a negative page size.
 */
export async function listOperations(
  {
    operations,
    namespaces,
    seesAll,
  }: Pick<OperationSight, "namespaces" | "seesAll"> & {
    operations: Pick<OperationRepository, "list">;
  },
  request: PageRequest & { namespace: string },
  { caller }: { caller: Caller },
): Promise<{ operations: Operation[]; nextPageToken: string }> {
  const namespace = requireNamespace(namespaces, request.namespace).name;
  const limit = parsePageSize(request.pageSize);
  const listing = ["operations", namespace];
  const after = request.pageToken === "" ? "" : fromLinkPageToken(request.pageToken, listing);
  const principal = seesAll(caller, namespace) ? undefined : toRequester(caller);
  const found = await operations.list(namespace, { principal, after, limit: limit + 1 });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const hasMore = found.length > limit && last !== undefined;
  return { operations: page, nextPageToken: hasMore ? toLinkPageToken(last.operationId, listing) : "" };
}
