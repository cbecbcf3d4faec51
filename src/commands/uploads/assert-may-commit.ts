import { requireResident } from "../../domain/residency.ts";
import type { Upload, UploadState } from "../../domain/uploads/upload.ts";
import type { UploadAccess } from "./upload-access.ts";

/** States whose end can be told, whatever has become of the namespace: nothing is stored any more. */
const ENDED: ReadonlySet<UploadState> = new Set(["committed", "aborted", "expired"]);

/**
 * Refuses to go on with a commit in a namespace whose bucket lies where its files must not, or of an upload that lies there:
 * `failed_precondition / RESIDENCY_VIOLATION`. The upload stays as it is, for a commit once that is mended.
 */
export function assertMayCommit(access: Pick<UploadAccess, "namespaces" | "regions">, upload: Upload): void {
  if (ENDED.has(upload.state)) return;
  access.regions.assertResident(requireResident(access, upload.namespace), upload);
}
