import { createHash } from "node:crypto";
import type { LogStore } from "../../domain/log/log-store.ts";

/** LogStore in memory. `objects` may be changed by tests as by somebody who has the bucket. */
export class FakeLogStore implements LogStore {
  readonly objects = new Map<string, Uint8Array>();
  readonly locked = new Set<string>();
  /** How often each method was called. */
  readonly requests = { read: 0, create: 0, replace: 0 };
  /** Thrown by every method while it is set. */
  failure: Error | undefined;

  async read(path: string) {
    this.#count("read");
    const bytes = this.objects.get(path);
    return bytes === undefined ? undefined : { bytes, etag: etagOf(bytes) };
  }

  async create(path: string, bytes: Uint8Array, { isLocked }: { isLocked: boolean }) {
    this.#count("create");
    if (this.objects.has(path)) return false;
    this.objects.set(path, bytes);
    if (isLocked) this.locked.add(path);
    return true;
  }

  async replace(path: string, bytes: Uint8Array, etag: string | undefined) {
    this.#count("replace");
    const there = this.objects.get(path);
    if ((there && etagOf(there)) !== etag) return undefined;
    this.objects.set(path, bytes);
    return etagOf(bytes);
  }

  #count(method: keyof FakeLogStore["requests"]): void {
    this.requests[method]++;
    if (this.failure !== undefined) throw this.failure;
  }
}

function etagOf(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}
