import type { Grant } from "../../domain/access/grants.ts";
import type { Namespace } from "../../domain/namespaces/namespace.ts";
import type {
  IfVersion,
  NamespaceChange,
  NamespacePolicy,
  NamespaceRecord,
  NamespaceRepository,
  NamespaceUsage,
} from "../../domain/namespaces/namespace-repository.ts";
import {
  assertSameBinding,
  namespaceChanged,
  namespaceExists,
  namespaceNotEmpty,
  prefixOverlaps,
} from "../../domain/namespaces/refusals.ts";
import { namespaceNotFound } from "../../domain/repository-refusals.ts";

/** What an empty namespace keeps. */
export const NOTHING_USED: NamespaceUsage = {
  liveFiles: 0,
  liveBytes: 0,
  kept: 0,
  keptBytes: 0,
  unfinishedUploads: 0,
  used: { storedBytes: 0, dayBytes: 0 },
  usedByPrincipal: undefined,
  dayEndTime: new Date(0),
};

/** Namespaces in memory. `usageOf` says what each keeps. */
export class FakeNamespaceRepository implements NamespaceRepository {
  readonly #records = new Map<string, NamespaceRecord>();
  readonly #usageOf: (name: string) => NamespaceUsage;
  #version = 0;

  constructor({ usageOf = () => NOTHING_USED }: { usageOf?: (name: string) => NamespaceUsage } = {}) {
    this.#usageOf = usageOf;
  }

  async create(namespace: Namespace): Promise<NamespaceRecord> {
    const before = this.#records.get(namespace.name);
    if (before === undefined) return this.#insert(namespace);
    const isSame = Object.entries(namespace).every(
      ([key, value]) => JSON.stringify(before[key as keyof Namespace]) === JSON.stringify(value),
    );
    if (before.deleteTime !== undefined || !isSame) throw namespaceExists(before);
    return before;
  }

  async ensure(namespace: Namespace): Promise<NamespaceRecord> {
    const record = this.#records.get(namespace.name) ?? this.#insert(namespace);
    assertSameBinding(record, namespace);
    return record;
  }

  async update(name: string, change: (before: NamespaceRecord) => NamespacePolicy, options: NamespaceChange) {
    const before = this.#require(name, options);
    const { bucket, region, keyPrefix } = before;
    return this.#write({ ...before, ...change(before), name, bucket, region, keyPrefix });
  }

  async setGrants(name: string, grants: readonly Grant[], options: NamespaceChange): Promise<NamespaceRecord> {
    return this.#write({ ...this.#require(name, options), grants });
  }

  async delete(name: string, options: NamespaceChange): Promise<NamespaceRecord> {
    const before = this.#require(name, options);
    const usage = this.#usageOf(name);
    if (usage.liveFiles + usage.kept + usage.unfinishedUploads > 0) throw namespaceNotEmpty(name, usage);
    return this.#write({ ...before, grants: [], deleteTime: new Date() });
  }

  async listChanged(afterVersion: number): Promise<NamespaceRecord[]> {
    return [...this.#records.values()]
      .filter(({ version }) => version > afterVersion)
      .sort((a, b) => a.version - b.version);
  }

  async usage(name: string): Promise<NamespaceUsage> {
    return this.#usageOf(name);
  }

  #require(name: string, { ifVersion }: IfVersion): NamespaceRecord {
    const record = this.#records.get(name);
    if (record === undefined || record.deleteTime !== undefined) throw namespaceNotFound(name);
    if (ifVersion !== undefined && record.version !== ifVersion) throw namespaceChanged(name);
    return record;
  }

  #insert(namespace: Namespace): NamespaceRecord {
    const { bucket, keyPrefix } = namespace;
    const other = [...this.#records.values()].find(
      (one) =>
        one.deleteTime === undefined &&
        one.bucket === bucket &&
        (one.keyPrefix.startsWith(keyPrefix) || keyPrefix.startsWith(one.keyPrefix)),
    );
    if (other !== undefined) throw prefixOverlaps(namespace, other.name);
    const createTime = new Date();
    return this.#write({
      ...namespace,
      grants: [],
      version: 0,
      createTime,
      updateTime: createTime,
      deleteTime: undefined,
    });
  }

  #write(record: NamespaceRecord): NamespaceRecord {
    const written = { ...record, version: ++this.#version, updateTime: new Date() };
    this.#records.set(record.name, written);
    return written;
  }
}
