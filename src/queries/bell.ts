/** Wakes the one who waits. A ring while nobody waits is kept. */
export class Bell {
  #hasRung = false;
  #wake: () => void = () => {};

  ring(): void {
    this.#hasRung = true;
    this.#wake();
  }

  /** Resolves at the next ring, after the timeout or when the signal aborts. */
  async wait({ timeoutMs, signal }: { timeoutMs?: number; signal?: AbortSignal | undefined }): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const onAbort = () => resolve();
    this.#wake = resolve;
    if (this.#hasRung) resolve();
    const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    await promise;
    this.#hasRung = false;
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
