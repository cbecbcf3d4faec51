import { type UploadAccess, withDatabase } from "../commands/uploads/upload-access.ts";
import type { DomainError } from "../domain/errors.ts";
import { partNumberAt } from "../domain/uploads/part-plan.ts";
import { type DurablePart, totalBytes, type Upload } from "../domain/uploads/upload.ts";
import type { GrantedWriter } from "../domain/uploads/upload-writers.ts";

/**
 * Writes acknowledged parts into the database, many by one statement: while a statement runs, the next acknowledged parts
 * gather. Part rows are claimed ahead of their bytes, many by one statement, too. Both cost a few statements a second at any
 * speed.
 */
export class PartRecorder {
  /** Every durable part of the writer's range, by number; those of earlier writers included. */
  readonly parts = new Map<number, DurablePart>();
  /** Sum of their lengths. */
  durableBytes: number;
  /** End of the durable bytes from the range's start, without a gap. It is counted as parts come, because it is asked for often. */
  durableOffset: number;
  /** Why no further part may begin, once the day's quota is used up. Parts that have begun are recorded all the same. */
  refusal: DomainError | undefined;
  readonly #access: UploadAccess<"writers">;
  readonly #upload: Upload;
  readonly #epoch: number;
  /** Where the writer's range ends, once that is known. */
  readonly #endOffset: number | undefined;
  #queue: DurablePart[] = [];
  #running: Promise<void> | undefined;
  #claimedTo = 0;
  #claiming: Promise<void> | undefined;

  constructor(access: UploadAccess<"writers">, writer: Omit<GrantedWriter, "outstanding">) {
    this.#access = access;
    this.#upload = writer.upload;
    this.#endOffset = writer.range.end ?? writer.upload.sizeBytes;
    this.#epoch = writer.epoch;
    for (const part of writer.parts) this.parts.set(part.partNumber, part);
    this.durableBytes = totalBytes(writer.parts);
    this.durableOffset = writer.range.start;
    this.refusal = writer.refusal;
    this.#advance();
  }

  /** Whether the part's row is claimed. Claims the next rows in the background when few claimed ones are left. */
  isClaimed(partNumber: number): boolean {
    const isClaimed = partNumber <= this.#claimedTo;
    if (isClaimed && this.#claimedTo - partNumber < this.#access.limits.claimAheadParts / 2) {
      // An error of this claim comes again where a part waits for it.
      this.claim(this.#claimedTo + 1).catch(() => {});
    }
    return isClaimed;
  }

  /** Claims rows from `partNumber` on, if none are being claimed. */
  async claim(partNumber: number): Promise<void> {
    this.#claiming ??= this.#claimWindow(partNumber).finally(() => {
      this.#claiming = undefined;
    });
    await this.#claiming;
  }

  /** Hands over an acknowledged part; resolves when it is recorded. */
  async record(part: DurablePart): Promise<void> {
    this.#queue.push(part);
    this.#running ??= this.#drain();
    await this.#running;
  }

  async #claimWindow(first: number): Promise<void> {
    const { limits, uploads } = this.#access;
    const last =
      this.#endOffset === undefined
        ? limits.partsMax
        : Math.max(1, Math.ceil(this.#endOffset / this.#upload.partSizeBytes));
    const count = Math.min(limits.claimAheadParts, last - first + 1);
    if (count <= 0) return;
    await withDatabase(this.#access, () =>
      uploads.writers.claimParts(this.#upload.uploadId, this.#epoch, { first, count }),
    );
    this.#claimedTo = first + count - 1;
  }

  async #drain(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue;
        this.#queue = [];
        const { uploadId } = this.#upload;
        const { writers } = this.#access.uploads;
        this.refusal = await withDatabase(this.#access, () => writers.recordParts(uploadId, this.#epoch, batch));
        for (const part of batch) this.parts.set(part.partNumber, part);
        this.durableBytes += totalBytes(batch);
        this.#advance();
      }
    } finally {
      this.#running = undefined;
    }
  }

  /** Passes the parts that are durable without a gap. A part shorter than the others is the last. */
  #advance(): void {
    const { partSizeBytes } = this.#upload;
    while (this.durableOffset % partSizeBytes === 0) {
      const next = this.parts.get(partNumberAt(this.durableOffset, partSizeBytes));
      if (next === undefined || next.lengthBytes === 0) break;
      this.durableOffset += next.lengthBytes;
    }
  }
}
