import { v7 as uuidv7 } from "uuid";
import type { Caller } from "../../domain/caller.ts";
import { parseUuid } from "../../domain/command-identity.ts";
import { toActor } from "../../domain/deed.ts";
import { invalidArgument } from "../../domain/errors.ts";
import { assertDataSubject } from "../../domain/files/file-description.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { Erasure } from "../../domain/privacy/erasure.ts";
import { type ErasureAccess, runErasure } from "./run-erasure.ts";

/** For so long a call erases, in milliseconds; what is left then the job goes on with. */
const CALL_MAX_MS = 20_000;

/** Whom to erase. */
export interface EraseDataSubjectRequest {
  requestId: string;
  namespace: string;
  dataSubject: string;
}

/**
 * Erases a person from a namespace: all generations of the files about them are purged at once, whatever retains them, and with them go their
 * paths, the links to them, and the personal parts of the journal's entries; open uploads are aborted. What a legal hold keeps, or storage by
 * Object Lock, is left and reported. Nobody is erased where nothing is known: that is no error. The same request id returns the same erasure
 * as it is then, which goes on by itself when the call, or the process, ends before it. Errors: `invalid_argument / ARGUMENT_INVALID`,
 * `REQUEST_ID_INVALID`, `REQUEST_ID_REUSED`; `unavailable`, and the erasure goes on.
 */
export async function eraseDataSubject(
  access: ErasureAccess & { namespaces: Namespaces },
  request: EraseDataSubjectRequest,
  { caller, signal }: { caller: Caller; signal?: AbortSignal },
): Promise<Erasure> {
  const namespace = requireNamespace(access.namespaces, request.namespace);
  const requestId = parseUuid(request.requestId, "request_id", "REQUEST_ID_INVALID");
  const dataSubject = parseDataSubject(request.dataSubject);
  const actor = { ...toActor(caller), requestId };
  const begun = { erasureId: uuidv7(), namespace: namespace.name, dataSubject, requestId, actor };
  const erasure = await access.erasures.begin(begun);
  if (erasure.endTime !== undefined) return erasure;
  const limits = [AbortSignal.timeout(CALL_MAX_MS), ...(signal === undefined ? [] : [signal])];
  return await runErasure(access, erasure, { namespace, signal: AbortSignal.any(limits) });
}

/** The person that a request names: `invalid_argument` for nobody, and for what no file can be about. */
export function parseDataSubject(dataSubject: string): string {
  if (dataSubject === "")
    throw invalidArgument("data_subject", "data_subject is missing; name whom the files are about");
  assertDataSubject(dataSubject);
  return dataSubject;
}
