import type { Upload } from "../../../domain/uploads/upload.ts";
import type { UploadPage, UploadPaging, UploadSweep } from "../../../domain/uploads/upload-sweep.ts";
import { takePage } from "../timed-page.ts";
import { isCommitting, isDead, type StoredUpload, type StoredUploads } from "./stored-uploads.ts";

/** A request of an upload that was given up, or was begun with a URL, may land until then. */
const SETTLED_AFTER_MS = 10 * 60_000;

/** The sweep of uploads in memory. */
export class FakeUploadSweep implements UploadSweep {
  readonly #stored: StoredUploads;

  constructor(stored: StoredUploads) {
    this.#stored = stored;
  }

  async expireDue(namespace: string, limit: number): Promise<Upload[]> {
    const due = [...this.#stored.uploads.values()]
      .filter(({ upload }) => upload.namespace === namespace)
      .filter(({ upload, commitWantedMs }) => {
        const isIdle = upload.state === "open" || upload.state === "assembled";
        return isIdle && commitWantedMs === undefined && upload.failure === undefined;
      })
      .filter(({ upload }) => upload.expireTime.getTime() <= this.#stored.now())
      .sort((a, b) => a.upload.expireTime.getTime() - b.upload.expireTime.getTime())
      .slice(0, limit);
    for (const stored of due) this.#stored.enter(stored, "expired");
    return due.map((stored) => this.#stored.toUpload(stored));
  }

  async listStuck(
    namespace: string,
    { olderThanMs, ...paging }: UploadPaging & { olderThanMs: number },
  ): Promise<UploadPage> {
    const latestMs = this.#stored.now() - olderThanMs;
    const wanted = (stored: StoredUpload) => {
      const { upload, commitWantedMs } = stored;
      const isBegun = isCommitting(upload.state) && upload.failure === undefined;
      return isBegun && commitWantedMs !== undefined && commitWantedMs <= latestMs ? commitWantedMs : undefined;
    };
    return this.#listPage(namespace, paging, wanted);
  }

  async listUncleaned(namespace: string, paging: UploadPaging): Promise<UploadPage> {
    return this.#listPage(namespace, paging, (stored) =>
      !stored.isCleaned && this.#mayLeaveBytes(stored) ? stored.stateMs : undefined,
    );
  }

  async markCleaned(uploadId: string): Promise<void> {
    const stored = this.#stored.uploads.get(uploadId);
    if (stored !== undefined && this.#mayLeaveBytes(stored)) stored.isCleaned = true;
  }

  #mayLeaveBytes({ upload, stateMs, urlExpireMs = Number.NEGATIVE_INFINITY }: StoredUpload): boolean {
    const settledMs = this.#stored.now() - SETTLED_AFTER_MS;
    const isSettled = (upload.putAttempt === 0 || stateMs < settledMs) && urlExpireMs < settledMs;
    const attemptsThatWon = upload.object?.key === upload.s3Key ? 0 : 1;
    return isSettled && (isDead(upload.state) || (upload.state === "committed" && upload.putAttempt > attemptsThatWon));
  }

  /** By the time that `toMs` gives, which leaves an upload out by undefined; within a millisecond by the order of changes. */
  #listPage(namespace: string, paging: UploadPaging, toMs: (stored: StoredUpload) => number | undefined): UploadPage {
    const listed = [...this.#stored.uploads.values()].flatMap((stored) => {
      const ms = stored.upload.namespace === namespace ? toMs(stored) : undefined;
      return ms === undefined ? [] : [{ entry: stored, ms, id: String(stored.stateOrder).padStart(16, "0") }];
    });
    const { page, next } = takePage(listed, paging);
    return { uploads: page.map((stored) => this.#stored.toUpload(stored)), next };
  }
}
