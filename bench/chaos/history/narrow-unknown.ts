import type { Operation } from "./operation.ts";

/** A call as a judge takes it. */
export interface NarrowedOperation extends Operation {
  /** Number of the calls of the pair that do the same as this one. Only calls of unknown outcome have it. */
  readonly group?: number;
  /** The place of this call among them, from 0: the call has no effect before those in front of it. */
  readonly rank?: number;
}

/**
 * Leaves fewer orders to look at, and changes no verdict: with some dozens of calls of unknown outcome that may each stand anywhere, judging takes
 * for ever.
 *
 * A commit without an answer whose content somebody was told has happened, before the first of those answers. Of other calls without
 * answers that do the same, such as two deletes of one path, the one that began first may stand wherever a later one may: so
 * they need to be tried in this order alone. The content of such commits is of no matter, because nobody was ever told it.
 */
export function narrowUnknown(operations: readonly Operation[]): NarrowedOperation[] {
  const toldBy = new Map<string, number>();
  for (const { pair, content, outcome, return: ended } of operations) {
    if (outcome !== "ok" || content === undefined) continue;
    const key = `${pair} ${content}`;
    toldBy.set(key, Math.min(ended, toldBy.get(key) ?? Number.POSITIVE_INFINITY));
  }
  const groups = new Map<string, { group: number; count: number }>();
  const groupsOfPair = new Map<number, number>();
  return operations
    .toSorted((a, b) => a.call - b.call)
    .map((one) => {
      if (one.outcome !== "unknown") return one;
      const { pair, kind, path, ifGeneration, content } = one;
      const told = content === undefined ? undefined : toldBy.get(`${pair} ${content}`);
      if (told !== undefined) return { ...one, outcome: "ok", return: told };
      const key = `${pair} ${kind} ${path} ${ifGeneration}`;
      let alike = groups.get(key);
      if (alike === undefined) {
        alike = { group: groupsOfPair.get(pair) ?? 0, count: 0 };
        groupsOfPair.set(pair, alike.group + 1);
        groups.set(key, alike);
      }
      return { ...one, group: alike.group, rank: alike.count++, ...(content !== undefined && { content: 0 }) };
    });
}
