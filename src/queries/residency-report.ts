import { compareBytes } from "../domain/access/path-scope.ts";
import type { FileRepository, StoredPlace } from "../domain/files/file-repository.ts";
import type { Namespace, Namespaces } from "../domain/namespaces/namespace.ts";
import type { BucketRegion, BucketRegions } from "../domain/residency.ts";
import { type PageRequest, parsePageSize } from "./file-page.ts";
import { fromNamePageToken, toNamePageToken } from "./page-token.ts";
import type { QueryOptions } from "./query-options.ts";

/** Namespaces of one page. Each is counted row by row, so that a page must not be much. */
const NAMESPACES_MAX = 100;
/** Places of one page. A namespace has one, or a few where its policy was changed. */
const PLACES_MAX = 1000;

/** Something that lies where the policy of its namespace does not allow it. */
export type ResidencyViolation =
  /** The namespace's bucket lies elsewhere than the namespace says, or in a region that is not allowed: it cannot be written. */
  | { kind: "bucket"; problem: string; bucket: string }
  /** Generations whose rows say that they lie in such a place: they are neither copied, signed nor restored. */
  | { kind: "files"; problem: string; place: StoredPlace };

/** Where the bytes of a namespace lie, and may lie. */
export interface NamespaceResidency {
  namespace: string;
  bucket: string;
  /** The region that the namespace says. */
  region: string;
  /** The region that storage said, and when; undefined while the bucket was not asked, or has not answered. */
  regionRead: BucketRegion | undefined;
  allowedRegions: readonly string[];
  /** By the rows of its generations. Parts of uploads that are not committed are not counted. */
  places: StoredPlace[];
  /** Whether it has more places than a page holds: `places` has the first, and `violations` speak of those. */
  isCut: boolean;
  violations: ResidencyViolation[];
}

/**
 * Where the bytes of namespaces lie, by the order of their names, and every violation of their policies: a page of those that
 * the caller may hear of (`isShown`). A page has at most 100, and may have fewer; only an empty `nextPageToken` means that there
 * are no more. Errors: `invalid_argument / PAGE_TOKEN_INVALID`, `ARGUMENT_INVALID` for a negative page size, `unavailable /
 * DATABASE_UNAVAILABLE`, also when the rows of the page cannot be counted in time: ask for fewer namespaces then.
 */
export async function residencyReport(
  deps: {
    namespaces: Pick<Namespaces, "values"> & { catchUp(): Promise<void> };
    regions: BucketRegions;
    files: Pick<FileRepository, "listPlaces">;
  },
  { pageSize, pageToken }: PageRequest,
  { position, isShown = () => false }: Pick<QueryOptions, "position" | "isShown">,
): Promise<{ namespaces: NamespaceResidency[]; nextPageToken: string }> {
  const limit = parsePageSize(pageSize);
  const listing = ["residency"];
  const after = pageToken === "" ? "" : fromNamePageToken(pageToken, listing);
  await deps.namespaces.catchUp();
  const following = [...deps.namespaces.values()]
    .filter(({ name }) => compareBytes(name, after) > 0 && isShown(name))
    .sort((one, other) => compareBytes(one.name, other.name));
  const page = following.slice(0, Math.min(limit, NAMESPACES_MAX));
  const names = page.map(({ name }) => name);
  const found = await deps.files.listPlaces(names, { limit: PLACES_MAX + 1, position });
  const { counted, isCut } = keepCounted(page, found);
  const reported = counted.map((namespace) => {
    const places = found.slice(0, PLACES_MAX).filter((place) => place.namespace === namespace.name);
    return toReport(namespace, { places, regions: deps.regions, isCut });
  });
  const last = counted.length < following.length ? counted.at(-1) : undefined;
  return { namespaces: reported, nextPageToken: last === undefined ? "" : toNamePageToken(last.name, listing) };
}

/**
 * The namespaces whose places are all known. The last one that was found is not when there were more places than a page holds,
 * and comes with the next page; where it is the only one, it is cut.
 */
function keepCounted(page: readonly Namespace[], found: readonly StoredPlace[]) {
  const last = found[PLACES_MAX]?.namespace;
  if (last === undefined) return { counted: page, isCut: false };
  const counted = page.filter(({ name }) => compareBytes(name, last) < 0);
  return counted.length > 0 ? { counted, isCut: false } : { counted: page.slice(0, 1), isCut: true };
}

function toReport(
  namespace: Namespace,
  { places, regions, isCut }: { places: StoredPlace[]; regions: BucketRegions; isCut: boolean },
): NamespaceResidency {
  const { name, bucket, region, allowedRegions } = namespace;
  const problem = regions.problemOf(namespace);
  const elsewhere = places.flatMap((place): ResidencyViolation[] => {
    const ofPlace = regions.problemOf(namespace, place);
    return ofPlace === undefined ? [] : [{ kind: "files", problem: ofPlace, place }];
  });
  return {
    namespace: name,
    bucket,
    region,
    regionRead: regions.of(bucket),
    allowedRegions,
    places,
    isCut,
    violations: [...(problem === undefined ? [] : [{ kind: "bucket" as const, problem, bucket }]), ...elsewhere],
  };
}
