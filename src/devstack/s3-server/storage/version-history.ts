import type { ObjectRecord, Versioning, VersionRecord } from "./records.ts";

/** What a bucket keeps behind the objects that its readers see: older versions and marks of deletion, newest first. */
export class VersionHistory {
  readonly #byKey = new Map<string, VersionRecord[]>();

  /** Nothing is kept. */
  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  /** Of one key, newest first. */
  of(key: string): readonly VersionRecord[] {
    return this.#byKey.get(key) ?? [];
  }

  /** Takes in what was stored, newest first for each key, but for what is among the objects; returns what it took. */
  load(objects: ReadonlyMap<string, ObjectRecord>, stored: readonly VersionRecord[]): VersionRecord[] {
    const taken = stored.filter((record) => {
      const current = objects.get(record.key);
      return current === undefined || idOf(current) !== idOf(record);
    });
    for (const record of taken.toReversed()) this.add(record);
    return taken;
  }

  /** Adds what is newer than all that is kept of its key. */
  add(record: VersionRecord): void {
    this.#byKey.set(record.key, [record, ...this.of(record.key)]);
  }

  /** All of one key, newest first. */
  behind(objects: ReadonlyMap<string, ObjectRecord>, key: string): readonly VersionRecord[] {
    const current = objects.get(key);
    return current === undefined ? this.of(key) : [current, ...this.of(key)];
  }

  /** Makes place for what comes instead of the object that readers see; returns what is kept no longer. */
  retire(
    { objects, versioning }: { objects: ReadonlyMap<string, ObjectRecord>; versioning: Versioning },
    key: string,
  ): VersionRecord | undefined {
    const current = objects.get(key);
    if (versioning === undefined) return current;
    if (current !== undefined) this.add(current);
    // While it is suspended there is one version "null", which the next write replaces.
    return versioning === "Suspended" ? this.#take(key, "null") : undefined;
  }

  /** Takes one version out, also from the objects, where the newest that is left moves up unless it is a mark. */
  remove(objects: Map<string, ObjectRecord>, key: string, versionId: string): VersionRecord | undefined {
    const current = objects.get(key);
    const isCurrent = current !== undefined && idOf(current) === versionId;
    if (isCurrent) objects.delete(key);
    const removed = isCurrent ? current : this.#take(key, versionId);
    const [newest] = this.of(key);
    if (!objects.has(key) && newest !== undefined && !("isDeleteMarker" in newest)) {
      this.#take(key, idOf(newest));
      objects.set(key, newest);
    }
    return removed;
  }

  /** Puts another record in the place of the version with its id. */
  replace(objects: Map<string, ObjectRecord>, record: ObjectRecord): void {
    const { key } = record;
    const current = objects.get(key);
    if (current !== undefined && idOf(current) === idOf(record)) objects.set(key, record);
    else
      this.#byKey.set(
        key,
        this.of(key).map((version) => (idOf(version) === idOf(record) ? record : version)),
      );
  }

  #take(key: string, versionId: string): VersionRecord | undefined {
    const taken = this.of(key).find((record) => idOf(record) === versionId);
    const rest = this.of(key).filter((record) => record !== taken);
    if (rest.length > 0) this.#byKey.set(key, rest);
    else this.#byKey.delete(key);
    return taken;
  }
}

/** The id that requests name a version by: "null" for what was stored while the bucket kept none. */
export function idOf(record: VersionRecord): string {
  return record.versionId ?? "null";
}
