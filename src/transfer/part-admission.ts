import { isUnkeptPart, partLengthOf } from "../domain/uploads/part-plan.ts";
import type { Upload } from "../domain/uploads/upload.ts";
import type { Permit } from "./memory-budget.ts";
import { PartHolding } from "./part-holding.ts";
import type { PartInFlight } from "./part-in-flight.ts";
import { PartWindow } from "./part-window.ts";
import { StagedBytes } from "./staged-bytes.ts";
import type { TransferAccess } from "./transfer-access.ts";

/** `beginAttempt` gives a fresh key of the upload's, `onFailed` hears what a part failed of; `signal` ends the waiting. */
interface AdmissionOptions {
  beginAttempt: () => Promise<string>;
  onFailed: (error: unknown) => void;
  signal: AbortSignal;
}

/**
 * The permit of a writer's next part: taken before its first byte, for as much as its caller's pace warrants. That is a step
 * at first, and whole parts once they have come fast.
 */
export class PartAdmission {
  readonly #access: TransferAccess;
  readonly #upload: Upload;
  readonly #options: AdmissionOptions;
  #permit: Permit | undefined;
  /** How fast the last whole part came. */
  #bytesPerMs: number | undefined;

  constructor(access: TransferAccess, upload: Upload, options: AdmissionOptions) {
    this.#access = access;
    this.#upload = upload;
    this.#options = options;
  }

  /** What a part that is not kept may hold at once, in bytes; undefined of one that is. */
  windowOf(partNumber: number): number | undefined {
    const { limits } = this.#access;
    return isUnkeptPart(this.#upload, partNumber, limits) ? limits.unkeptWindowBytes : undefined;
  }

  /** Gets the permit ready; undefined when it is. `isOwed`: for all that the part holds and at once, beyond the budget if need be. */
  prepare(partNumber: number, { isOwed }: { isOwed: boolean }): Promise<void> | undefined {
    if (this.#permit !== undefined) return undefined;
    const partBytes = partLengthOf(this.#upload, partNumber);
    const lengthBytes = Math.min(partBytes, this.windowOf(partNumber) ?? partBytes);
    const { budget } = this.#access;
    const permit = budget.open();
    const bytes = budget.wish(lengthBytes, this.#bytesPerMs);
    if (isOwed) budget.overdraw(permit, lengthBytes);
    if (isOwed || budget.tryGrow(permit, bytes)) return this.#keep(permit, lengthBytes);
    const options = { turn: this.#upload, signal: this.#options.signal };
    return budget.grow(permit, bytes, options).then(() => this.#keep(permit, lengthBytes));
  }

  /** Puts an opened part under the permit that was prepared for it. */
  admit(part: PartInFlight): PartHolding | PartWindow {
    const { objects, budget } = this.#access;
    const permit = this.#permit as Permit;
    this.#permit = undefined;
    const { beginAttempt, onFailed, signal } = this.#options;
    const common = { budget, permit, bytesPerMs: this.#bytesPerMs };
    const { windowBytes } = part;
    const { bucket, principal } = this.#upload;
    if (windowBytes !== undefined) return new PartWindow(part, { ...common, windowBytes, signal });
    const staged = new StagedBytes(objects, { bucket, principal, beginAttempt });
    return new PartHolding(part, { ...common, turn: this.#upload, staged, onFailed });
  }

  /** Says how fast a part came. */
  notePace(bytesPerMs: number | undefined): void {
    this.#bytesPerMs = bytesPerMs ?? this.#bytesPerMs;
  }

  /** Gives back what no part was opened for. */
  close(): void {
    if (this.#permit !== undefined) this.#access.budget.release(this.#permit);
    this.#permit = undefined;
  }

  /** Until the part is opened nothing is held under its permit: a caller who pauses here does not keep it from others. */
  #keep(permit: Permit, restBytes: number): undefined {
    this.#permit = permit;
    const unopened = { heldBytes: 0, restBytes, onTrimmed: () => {}, giveWay: () => 0 };
    this.#access.budget.hold(permit, unopened, this.#bytesPerMs);
  }
}
