// The algorithm of Wing and Gong with the memory of Lowe: https://www.cs.ox.ac.uk/people/gavin.lowe/LinearizabiltyTesting/paper.pdf. It
// looks for an order of the calls in which each has the outcome that it had, and in which no call stands before one that had ended when it
// began. What was tried in vain (which calls, and the state behind them) is remembered, so it is tried once.
import { type NarrowedOperation, narrowUnknown } from "./narrow-unknown.ts";
import type { Operation } from "./operation.ts";

/** The state of one path. The generation of a live file is 1 or more. */
interface Place {
  readonly content: number;
  readonly generation: number;
  readonly last: number;
  /** Files that were deleted, the last one first: each is its content, its generation and the others. */
  readonly deleted: Deleted | undefined;
}
type Deleted = readonly [content: number, generation: number, others: Deleted | undefined];
/** Both paths, and those that the call before has touched, as bits, where its outcome is unknown. */
type State = readonly [Place, Place, pending: number];

const EMPTY: Place = { content: 0, generation: 0, last: 0, deleted: undefined };

/** Most states that are looked at for one pair: with them, a pair takes some seconds. */
export const STATES_MAX = 1_000_000;

/**
 * Tells whether the calls on one pair have an order that explains their outcomes. It returns undefined when `statesMax` states are
 * not enough to tell.
 */
export function isLinearizable(operations: readonly Operation[], statesMax = STATES_MAX): boolean | undefined {
  const calls = narrowUnknown(operations);
  const before = findBefore(calls);
  const slots = findSlots(calls);
  const returns = calls.map((one) => (one.outcome === "unknown" ? Number.POSITIVE_INFINITY : one.return));
  const tried = new Set<string>();
  const done = new Array<boolean>(calls.length).fill(false);
  const path: { index: number; state: State; from: number }[] = [];
  let [state, from, first]: [State, number, number] = [[EMPTY, EMPTY, 0], 0, 0];
  for (let states = 0; ; states++) {
    while (done[first]) first++;
    // The known calls have their order: those of unknown outcome had no effect.
    if (calls.every((_, index) => done[index] || returns[index] === Number.POSITIVE_INFINITY)) return true;
    if (states === statesMax) return undefined;
    let endsFirst = Number.POSITIVE_INFINITY;
    let found: { index: number; next: State } | undefined;
    for (let index = first; index < calls.length; index++) {
      const one = calls[index] as Operation;
      if (done[index]) continue;
      if (done[before[index] ?? -1] === false) continue;
      if (one.call > endsFirst) break;
      endsFirst = Math.min(endsFirst, returns[index] as number);
      const next = index < from ? undefined : step(state, one, slots);
      if (next === undefined) continue;
      done[index] = true;
      const key = `${first} ${calls.flatMap((_, at) => (at >= first && done[at] ? [at] : [])).join()} ${JSON.stringify(next)}`;
      if (!tried.has(key)) {
        tried.add(key);
        found = { index, next };
        break;
      }
      done[index] = false;
    }
    if (found !== undefined) {
      path.push({ index: found.index, state, from });
      [state, from] = [found.next, 0];
      continue;
    }
    const last = path.pop();
    if (last === undefined) return false;
    done[last.index] = false;
    first = Math.min(first, last.index);
    [state, from] = [last.state, last.index + 1];
  }
}

/** For each call the index of the one that has to have its effect first; undefined where there is none. */
function findBefore(calls: readonly NarrowedOperation[]): (number | undefined)[] {
  const last = new Map<number, number>();
  return calls.map(({ group }, index) => {
    if (group === undefined) return undefined;
    const found = last.get(group);
    last.set(group, index);
    return found;
  });
}

/**
 * The state behind the call; undefined when it cannot have had its outcome. A call of unknown outcome has an effect here, and the next
 * call is about one of its paths: before any other it could as well stand later.
 */
function step([first, second, pending]: State, one: Operation, slots: Slots): State | undefined {
  const touched = one.kind === "move" ? 3 : 1 << one.path;
  if (pending !== 0 && (pending & touched) === 0) return undefined;
  const next = findNext([first, second, 0], one, slots);
  return next && (one.outcome === "unknown" ? [next[0], next[1], touched] : next);
}

function findNext(state: State, one: Operation, slots: Slots): State | undefined {
  const place = state[one.path];
  const isLive = place.generation !== 0;
  const isSeen = place.last >= (one.seen ?? 0);
  switch (one.outcome) {
    case "missing": {
      const isMissing = !isLive && (one.kind === "undelete" ? place.deleted === undefined : isSeen);
      return isMissing ? state : undefined;
    }
    case "exists":
      return isLive ? state : undefined;
    case "mismatch":
      return place.generation !== one.ifGeneration ? state : undefined;
  }
  if (one.kind === "get") {
    const isSame = isLive && place.content === one.content && place.generation === one.generation;
    return isSame && isSeen ? state : undefined;
  }
  return change(state, one, slots);
}

function change(state: State, one: Operation, slots: Slots): State | undefined {
  const [path, other] = one.path === 0 ? ([0, 1] as const) : ([1, 0] as const);
  const { content, generation, last, deleted } = state[path];
  const isLive = generation !== 0;
  const without = { content: 0, generation: 0, last, deleted };
  const next: [Place, Place, pending: number] = [...state];
  let changed = path as 0 | 1;
  switch (one.kind) {
    case "commit":
      if (one.ifGeneration !== undefined && one.ifGeneration !== generation) return undefined;
      next[path] = { content: one.content as number, generation: last + 1, last: last + 1, deleted };
      break;
    case "delete":
      if (!isLive || !isOf(one, state[path])) return undefined;
      next[path] = { ...without, deleted: [content, generation, deleted] };
      return next;
    case "undelete":
      if (isLive || deleted === undefined) return undefined;
      next[path] = { content: deleted[0], generation: deleted[1], last, deleted: deleted[2] };
      break;
    case "move":
      if (!isLive) return undefined;
      changed = other;
      next[path] = without;
      next[other] = { ...state[other], content, generation: state[other].last + 1, last: state[other].last + 1 };
  }
  if (one.kind !== "undelete" && !isFree(slots[changed].get(next[changed].generation), one, next[changed]))
    return undefined;
  return isOf(one, next[changed]) ? next : undefined;
}

/** A generation that some answer has told: its content, and whether one of the known calls has made it. */
interface Slot {
  readonly content: number;
  readonly isMade: boolean;
}
type Slots = readonly [ReadonlyMap<number, Slot>, ReadonlyMap<number, Slot>];

/**
 * The generations of both paths that somebody was told of. A call that nobody knows the outcome of can have made none that another call has
 * made, and none with other bytes: without this there are too many places for it to look at.
 */
function findSlots(calls: readonly Operation[]): Slots {
  const slots = [new Map<number, Slot>(), new Map<number, Slot>()] as const;
  for (const { kind, path, outcome, content, generation } of calls) {
    if (outcome !== "ok" || content === undefined || generation === undefined) continue;
    const own = slots[kind === "move" ? (path === 0 ? 1 : 0) : path];
    const isMade = kind === "commit" || kind === "move" || own.get(generation)?.isMade === true;
    own.set(generation, { content, isMade });
  }
  return slots;
}

function isFree(slot: Slot | undefined, { outcome }: Operation, { content }: Place): boolean {
  return slot === undefined || (slot.content === content && !(outcome === "unknown" && slot.isMade));
}

/** Tells whether the answer can be about this file. */
function isOf({ outcome, content, generation }: Operation, file: Place): boolean {
  if (outcome === "unknown") return true;
  return content === file.content && (generation === undefined || generation === file.generation);
}
