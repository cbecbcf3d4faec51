/** The known name that a misspelt one most likely means: at most a third of its letters differ. Undefined when none is near. */
export function findNearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    // Lengths that differ by more make the names differ by more, and a name may be as long as a whole request.
    .filter((candidate) => Math.abs(candidate.length - name.length) <= toDistanceMax(candidate))
    .map((candidate) => ({ candidate, distance: distanceBetween(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (best === undefined) return undefined;
  return best.distance <= toDistanceMax(best.candidate) ? best.candidate : undefined;
}

function toDistanceMax(candidate: string): number {
  return Math.max(1, Math.ceil(candidate.length / 3));
}

/** Levenshtein's distance: insertions, deletions and replacements of single letters. */
function distanceBetween(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] as number) + 1, (current[j - 1] as number) + 1));
    }
    previous = current;
  }
  return previous[b.length] as number;
}
