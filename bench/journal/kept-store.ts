import type { LogStore } from "../../src/domain/log/log-store.ts";

/** Keeps what was written, and counts the requests. */
export class KeptStore implements LogStore {
  readonly objects = new Map<string, Uint8Array>();
  requests = 0;
  readonly #store: LogStore;

  constructor(store: LogStore) {
    this.#store = store;
  }

  read: LogStore["read"] = (path, options) => {
    this.requests++;
    return this.#store.read(path, options);
  };

  create: LogStore["create"] = async (path, bytes, options) => {
    this.requests++;
    const isCreated = await this.#store.create(path, bytes, options);
    if (isCreated) this.objects.set(path, bytes);
    return isCreated;
  };

  replace: LogStore["replace"] = async (path, bytes, etag) => {
    this.requests++;
    const replaced = await this.#store.replace(path, bytes, etag);
    if (replaced !== undefined) this.objects.set(path, bytes);
    return replaced;
  };
}
