import type { Operation } from "./operation.ts";

/** A history that every judge must accept, or that every judge must refuse. */
export interface SampleHistory {
  readonly name: string;
  readonly isLinearizable: boolean;
  readonly operations: readonly Operation[];
}

/** One call of a sample, on the first path unless it says otherwise; it lasts from `from` to `to`. */
function call(
  kind: Operation["kind"],
  [from, to]: readonly [number, number],
  rest: Partial<Operation> = {},
): Operation {
  return { pair: 0, caller: 0, kind, call: from, return: to, path: 0, outcome: "ok", ...rest };
}

const [A, B, C] = [{ content: 11 }, { content: 22 }, { content: 33 }];
const [first, second, third] = [{ generation: 1 }, { generation: 2 }, { generation: 3 }];
const missing = { outcome: "missing" } as const;
const unknown = { outcome: "unknown" } as const;
const begun = call("commit", [0, 1], { ...A, ...first });
const moved = call("move", [2, 3], { ...A, ...first });

/** Small histories that tell the two kinds apart, each by one rule. */
export const SAMPLE_HISTORIES: readonly SampleHistory[] = [
  accepted(
    "commits one after the other",
    begun,
    call("commit", [2, 3], { ...B, ...second }),
    read(4, { ...B, ...second }),
  ),
  refused("a read that misses a commit that had ended", begun, call("get", [2, 3], missing)),
  accepted("a read during a commit that misses it", begun, call("get", [0, 1], missing)),
  refused(
    "a read that goes back",
    begun,
    call("commit", [2, 9], { ...B, ...second }),
    read(3, { ...B, ...second }),
    read(6, { ...A, ...first }),
  ),
  accepted(
    "commits at the same time, in the order of their generations",
    call("commit", [0, 9], { ...A, ...second }),
    call("commit", [0, 9], { ...B, ...first }),
    read(10, { ...A, ...second }),
  ),
  refused(
    "commits against the order of their generations",
    call("commit", [0, 1], { ...A, ...second }),
    call("commit", [2, 3], { ...B, ...first }),
  ),
  refused("a commit that has come twice", begun, call("commit", [2, 3], { ...B, ...third })),
  accepted(
    "a commit of unknown outcome that came late",
    call("commit", [0, 1], { ...B, ...unknown }),
    call("get", [2, 3], missing),
    read(4, { ...B, ...first }),
  ),
  accepted(
    "a commit of unknown outcome that never came",
    call("commit", [0, 1], { ...B, ...unknown }),
    call("get", [2, 3], missing),
  ),
  refused(
    "a commit of unknown outcome that came and went",
    call("commit", [0, 1], { ...B, ...unknown }),
    read(2, { ...B, ...first }),
    call("get", [4, 5], missing),
  ),
  refused("bytes that nobody committed", begun, read(2, { ...C, ...first })),
  accepted(
    "conditions that hold",
    call("commit", [0, 1], { ...A, ...first, ifGeneration: 0 }),
    call("commit", [2, 3], { ...B, ...second, ifGeneration: 1 }),
  ),
  refused(
    "two commits under one condition",
    begun,
    call("commit", [2, 9], { ...B, ...second, ifGeneration: 1 }),
    call("commit", [2, 9], { ...C, ...third, ifGeneration: 1 }),
  ),
  accepted(
    "a condition that does not hold",
    begun,
    call("commit", [2, 3], { ...B, ifGeneration: 0, outcome: "mismatch" }),
  ),
  refused(
    "a refusal though the condition holds",
    begun,
    call("commit", [2, 3], { ...B, ifGeneration: 1, outcome: "mismatch" }),
  ),
  accepted(
    "a delete and its restoration",
    begun,
    call("delete", [2, 3], { ...A, ...first }),
    call("get", [4, 5], missing),
    call("undelete", [6, 7], A),
    read(8, { ...A, ...first }),
  ),
  refused("a delete of what had been deleted", begun, call("delete", [2, 3], A), call("delete", [4, 5], A)),
  refused(
    "a restoration over a live file",
    begun,
    call("delete", [2, 3], A),
    call("commit", [4, 5], { ...B, ...second }),
    call("undelete", [6, 7], A),
  ),
  accepted("a restoration that a live file forbids", begun, call("undelete", [2, 3], { outcome: "exists" })),
  refused(
    "a restoration that misses what was deleted",
    begun,
    call("delete", [2, 3], A),
    call("undelete", [4, 5], missing),
  ),
  refused(
    "a restoration of what was not deleted last",
    begun,
    call("delete", [2, 3], A),
    call("commit", [4, 5], { ...B, ...second }),
    call("delete", [6, 7], B),
    call("undelete", [8, 9], A),
  ),
  accepted("a move", begun, moved, call("get", [4, 5], missing), read(4, { ...A, ...first, path: 1 })),
  refused("a move that leaves its file behind", begun, moved, read(4, { ...A, ...first })),
  refused("a move that loses its file", begun, moved, call("get", [4, 5], { ...missing, path: 1 })),
  refused("a move from an empty path", moved),
  accepted(
    "a move over another file",
    begun,
    call("commit", [0, 1], { ...B, ...first, path: 1 }),
    call("move", [2, 3], { ...A, ...second }),
    read(4, { ...A, ...second, path: 1 }),
  ),
  accepted(
    "an earlier state at a replica",
    begun,
    call("delete", [2, 3], A),
    call("get", [1, 9], { ...A, ...first, seen: 1 }),
  ),
  refused(
    "a state at a replica before the own commit",
    call("get", [0, 9], { ...missing, seen: 1 }),
    call("commit", [0, 1], { ...A, ...first, path: 1 }),
  ),
  refused(
    "a state at a replica before its position",
    begun,
    call("delete", [2, 3], A),
    call("get", [4, 9], { ...A, ...first, seen: 1 }),
  ),
];

function read(at: number, rest: Partial<Operation>): Operation {
  return call("get", [at, at + 1], rest);
}

function accepted(name: string, ...operations: Operation[]): SampleHistory {
  return { name, isLinearizable: true, operations };
}

function refused(name: string, ...operations: Operation[]): SampleHistory {
  return { name, isLinearizable: false, operations };
}
