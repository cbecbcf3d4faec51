import { NO_PATH, type PathScope } from "../../domain/access/path-scope.ts";
import { toCommandIdentity } from "../../domain/command-identity.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { parseFileFilter } from "../../domain/filter/file-filter.ts";
import type { Operation } from "../../domain/jobs/operation.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { StorageOfBytes } from "../files/purge-file.ts";
import { findPurgeable, type Purgeable, purgeFound, toPartId, toPurgeable } from "../files/purge-files.ts";
import type { AdmitStep, OperationWorker } from "./operation-worker.ts";

/** Files of one step. Their paths are kept in the cursor: 100 KiB at most. */
const STEP_FILES = 100;

/** Where a purge is: files that were found, and the page behind them. */
interface Place {
  files: readonly Purgeable[];
  next: string;
}

/** What bulk purges work with. */
export interface PurgeWorkAccess {
  files: Pick<FileRepository, "delete" | "beginPurge" | "endPurges">;
  /** The lists of files, as whoever has this scope may see them. */
  listsOf: (scope: PathScope) => Pick<FileRepository, "list" | "listSuperseded">;
  objects: StorageOfBytes;
  namespaces: Namespaces;
  admit: AdmitStep;
}

/**
 * Purges all files that match a filter. A step finds some and saves which those are, or purges those that the step before has found:
 * so each is purged under the same request id and counted once, however often a step is cut.
 */
export function createPurgeWorker(access: PurgeWorkAccess): OperationWorker<"purge"> {
  return {
    async step(operation, { signal }) {
      const { namespace: name, caller, request, progress, cursor } = operation;
      const namespace = requireNamespace(access.namespaces, name);
      const { scopeNow = () => NO_PATH } = await access.admit("purgeFiles", { namespace: name }, { caller });
      signal.throwIfAborted();
      const place = cursor === "" ? { files: [], next: "" } : (JSON.parse(cursor) as Place);
      if (place.files.length > 0) {
        const counts = await purgeFound(access, namespace, { files: place.files, identify: toIdentify(operation) });
        const { matched, purged, retained } = progress;
        const counted = { matched, purged: purged + counts.purged, retained: retained + counts.retained };
        if (place.next === "") return { progress: counted, response: counted };
        return { progress: counted, cursor: JSON.stringify({ files: [], next: place.next } satisfies Place) };
      }
      const asked = parseFileFilter(request.filter);
      if (asked === undefined) throw new Error("a purge was started without a filter");
      const page = { ...request, pageSize: STEP_FILES, pageToken: place.next };
      const found = await findPurgeable(access.listsOf(scopeNow()), page, { namespace: name, asked });
      const counted = { ...progress, matched: progress.matched + found.files.length };
      if (found.files.length === 0 && found.nextPageToken === "") return { progress: counted, response: counted };
      const next: Place = { files: found.files.map(toPurgeable), next: found.nextPageToken };
      return { progress: counted, cursor: JSON.stringify(next) };
    },
    // What is purged is purged, and nothing else is left.
    abandon: async () => {},
  };
}

function toIdentify({ operationId, namespace, caller, request }: Operation<"purge">) {
  const { filter, includeLive, includeSuperseded } = request;
  const content = [filter, includeLive, includeSuperseded];
  return (file: Purgeable) =>
    toCommandIdentity(caller, "PurgeFiles", { namespace, requestId: toPartId(operationId, file), content });
}
