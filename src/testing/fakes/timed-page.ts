/** An entry of a list that is ordered by a time in milliseconds, and by an id where times are equal. */
export interface TimedEntry<T> {
  entry: T;
  ms: number;
  id: string;
}

/** One page of a fake's list, as the database makes it: behind the `next` of the page before, which is "" after the last. */
export function takePage<T>(
  entries: readonly TimedEntry<T>[],
  { after, limit }: { after: string; limit: number },
): { page: T[]; next: string } {
  const listed = entries
    .map(({ entry, ms, id }) => ({ entry, place: `${String(ms).padStart(16, "0")} ${id}` }))
    .filter(({ place }) => place > after)
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .slice(0, limit);
  const next = listed.length < limit ? "" : (listed.at(-1)?.place ?? "");
  return { page: listed.map(({ entry }) => entry), next };
}
