import { giveBack } from "./buffer-accounts.ts";

/**
 * Bytes that are kept by reference, in their order, by one holder. They are read until the holder gives them back; whoever reads them
 * later gets an error, and not the bytes of another caller. Bytes that are dropped without that are left to the collector.
 */
export class HeldBytes {
  #pieces: Uint8Array[] | undefined = [];
  #lengthBytes = 0;

  constructor(pieces: readonly Uint8Array[] = []) {
    for (const bytes of pieces) this.add(bytes);
  }

  /** How many bytes are held. */
  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  /** The bytes. Throws (a bug) once they were given back or moved. */
  get pieces(): readonly Uint8Array[] {
    return this.#read();
  }

  add(bytes: Uint8Array): void {
    this.#read().push(bytes);
    this.#lengthBytes += bytes.length;
  }

  /** Moves the bytes to another holder, who gives them back. Throws as `pieces` does. */
  move(): readonly Uint8Array[] {
    const pieces = this.#read();
    this.#end();
    return pieces;
  }

  /** Gives the first pieces back: the holder has made sure that nobody refers to them any more. The rest stays held. */
  giveBackFirst(count: number): void {
    for (const bytes of this.#read().splice(0, count)) {
      this.#lengthBytes -= bytes.length;
      giveBack(bytes);
    }
  }

  /** Gives all bytes back, as `giveBackFirst` does. Throws (a bug) when that was done before: they may be another's by now. */
  giveBack(): void {
    for (const bytes of this.move()) giveBack(bytes);
  }

  #read(): Uint8Array[] {
    if (this.#pieces === undefined) throw new Error("bytes are used that were given back");
    return this.#pieces;
  }

  #end(): void {
    this.#pieces = undefined;
    this.#lengthBytes = 0;
  }
}
