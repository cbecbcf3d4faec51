import type { Operation } from "./operation.ts";

/** The kinds of calls, the conditional commit apart. */
const KINDS = ["commit", "commit-if", "get", "get", "delete", "undelete", "move"] as const;

/** One tenth of the calls that change something are never answered, and half of those have no effect. */
const UNANSWERED_SHARE = 0.1;

/**
 * The history of callers of a service that does everything at one moment between call and answer: a history that is linearizable by how it
 * came about.
 */
export function inventHistory(
  random: () => number,
  { calls, callers }: { calls: number; callers: number },
): Operation[] {
  const service = new InventedService();
  const operations: Operation[] = [];
  let content = 0;
  // Each caller's next call begins behind its last one; the service does them in the order of `at`.
  const free = new Array<number>(callers).fill(0);
  for (let at = 0; operations.length < calls; at += 1 + Math.floor(random() * 3)) {
    const caller = Math.floor(random() * callers);
    if ((free[caller] as number) >= at) continue;
    const begun = Math.max((free[caller] as number) + 1, at - Math.floor(random() * 10));
    const ended = at + Math.floor(random() * 10);
    free[caller] = ended;
    const kind = KINDS[Math.floor(random() * KINDS.length)] as (typeof KINDS)[number];
    const path: 0 | 1 = random() < 0.5 ? 0 : 1;
    const asked = {
      ...{ pair: 0, caller, call: begun, return: ended, path, kind: kind === "commit-if" ? "commit" : kind },
      ...((kind === "commit" || kind === "commit-if") && { content: ++content }),
      ...(kind === "commit-if" && { ifGeneration: Math.floor(random() * 4) }),
    } as const;
    const isAnswered = kind === "get" || random() >= UNANSWERED_SHARE;
    if (isAnswered) operations.push({ ...asked, ...service.answer(asked) });
    else {
      if (random() < 0.5) service.answer(asked);
      operations.push({ ...asked, outcome: "unknown" });
    }
  }
  return operations;
}

interface InventedFile {
  content: number;
  generation: number;
}

/** Two paths, and what may happen to them. */
class InventedService {
  readonly #live: [InventedFile | undefined, InventedFile | undefined] = [undefined, undefined];
  readonly #deleted: [InventedFile[], InventedFile[]] = [[], []];
  readonly #last: [number, number] = [0, 0];

  answer({
    kind,
    path,
    content = 0,
    ifGeneration,
  }: Omit<Operation, "outcome">): Pick<Operation, "outcome"> & Partial<InventedFile> {
    const live = this.#live[path];
    switch (kind) {
      case "commit":
        if (ifGeneration !== undefined && ifGeneration !== (live?.generation ?? 0)) return { outcome: "mismatch" };
        return this.#place(path, { content, generation: ++this.#last[path] });
      case "get":
        return live === undefined ? { outcome: "missing" } : { outcome: "ok", ...live };
      case "delete":
        if (live === undefined) return { outcome: "missing" };
        this.#deleted[path].push(live);
        this.#live[path] = undefined;
        return { outcome: "ok", ...live };
      case "undelete": {
        if (live !== undefined) return { outcome: "exists" };
        const restored = this.#deleted[path].pop();
        return restored === undefined ? { outcome: "missing" } : this.#place(path, restored);
      }
      case "move": {
        if (live === undefined) return { outcome: "missing" };
        const other = path === 0 ? 1 : 0;
        this.#live[path] = undefined;
        return this.#place(other, { content: live.content, generation: ++this.#last[other] });
      }
    }
  }

  #place(path: 0 | 1, file: InventedFile): { outcome: "ok" } & InventedFile {
    this.#live[path] = file;
    return { outcome: "ok", ...file };
  }
}
