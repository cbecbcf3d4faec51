import { DomainError } from "./errors.ts";
import { type Namespace, type Namespaces, requireNamespace } from "./namespaces/namespace.ts";

/** Where bytes lie, or are to go: a bucket, and the region that it is recorded to lie in. */
export interface StoragePlace {
  bucket: string;
  region: string;
}

/** What storage said of where a bucket lies. */
export interface BucketRegion {
  /** Undefined: storage does not say, and the recorded region is believed. */
  region: string | undefined;
  readTime: Date;
}

/** The part of a namespace that decides where its bytes may lie. */
export type ResidencyPolicy = Pick<Namespace, "name" | "bucket" | "region" | "allowedRegions">;

interface Violation {
  message: string;
  /** The region that the bytes lie in. */
  region: string;
}

/** Regions that a sentence names; more are only counted. */
const REGIONS_TOLD_MAX = 10;

/**
 * Where buckets really lie, as storage said last, and which namespaces may therefore not be written. A bucket that has not
 * been asked about counts as lying in its recorded region. It is told by a job; it holds one entry for each bucket that it is
 * told of.
 */
export class BucketRegions {
  readonly #read = new Map<string, BucketRegion>();

  /** What storage said last of a bucket; undefined before it was asked. */
  of(bucket: string): BucketRegion | undefined {
    return this.#read.get(bucket);
  }

  /** Notes what storage said. */
  note(bucket: string, answer: BucketRegion): void {
    this.#read.set(bucket, answer);
  }

  /** Forgets all buckets but these. */
  keepOnly(buckets: ReadonlySet<string>): void {
    for (const bucket of this.#read.keys()) if (!buckets.has(bucket)) this.#read.delete(bucket);
  }

  /**
   * Why a namespace's bytes must not lie at a place, by default that of its new files: a sentence that names both regions.
   * Undefined when they may.
   */
  problemOf(policy: ResidencyPolicy, place: StoragePlace = policy): string | undefined {
    return this.#violationOf(policy, place)?.message;
  }

  /** Throws `failed_precondition / RESIDENCY_VIOLATION` when a namespace's bytes must not lie at a place. */
  assertResident(policy: ResidencyPolicy, place: StoragePlace = policy): void {
    const violation = this.#violationOf(policy, place);
    if (violation !== undefined) throw toRefusal(policy.name, place, violation);
  }

  #violationOf(policy: ResidencyPolicy, { bucket, region }: StoragePlace): Violation | undefined {
    const actual = this.#read.get(bucket)?.region ?? region;
    if (actual !== region) {
      const message = `namespace ${policy.name} keeps files in ${region}, but bucket ${bucket} lies in ${actual}; its operator must correct that`;
      return { message, region: actual };
    }
    return findForbidden(policy, { bucket, region });
  }
}

/** Throws `failed_precondition / RESIDENCY_VIOLATION` when a file lies in none of these regions; undefined allows all. */
export function assertFileRegion(
  file: StoragePlace & { namespace: string },
  allowedRegions: readonly string[] | undefined,
): void {
  if (allowedRegions === undefined) return;
  const { namespace: name } = file;
  const violation = findForbidden({ name, allowedRegions }, file);
  if (violation !== undefined) throw toRefusal(name, file, violation);
}

/**
 * The namespace of that name for a command that stores bytes in its bucket or gives them out: create, write, commit, copy,
 * presign, link and restore. Errors as of `requireNamespace`, and `failed_precondition / RESIDENCY_VIOLATION` when its bucket
 * lies in another region than the namespace says, or in one that the namespace does not allow. Commands that end or describe
 * what is stored take `requireNamespace`: deleting and purging is how a violation ends, and reading is how its bytes are
 * taken away.
 */
export function requireResident(
  { namespaces, regions }: { namespaces: Namespaces; regions: BucketRegions },
  name: string,
): Namespace {
  const namespace = requireNamespace(namespaces, name);
  regions.assertResident(namespace);
  return namespace;
}

function findForbidden(
  { name, allowedRegions }: Pick<Namespace, "name" | "allowedRegions">,
  { bucket, region }: StoragePlace,
): Violation | undefined {
  if (allowedRegions.includes(region)) return undefined;
  const told = allowedRegions.slice(0, REGIONS_TOLD_MAX).join(", ");
  const untold = allowedRegions.length - REGIONS_TOLD_MAX;
  const allowed = untold > 0 ? `${told} and ${untold} more` : told;
  return { message: `namespace ${name} allows files in ${allowed} only; bucket ${bucket} lies in ${region}`, region };
}

function toRefusal(name: string, place: StoragePlace, { message, region }: Violation): DomainError {
  return new DomainError("failed_precondition", message, {
    reason: "RESIDENCY_VIOLATION",
    details: { namespace: name, bucket: place.bucket, region, recorded_region: place.region },
  });
}
