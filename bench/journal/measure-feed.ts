import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Namespace, Namespaces } from "../../src/domain/namespaces/namespace.ts";
import { NUMBERING_PACE, numberEntries } from "../../src/journal/number-entries.ts";
import { createFileRepository } from "../../src/postgres/files/file-repository.ts";
import { createEventLog } from "../../src/postgres/journal/event-log.ts";
import { createJournalRelay } from "../../src/postgres/journal/journal-relay.ts";
import { createDatabasePools } from "../../src/postgres/pool/pool.ts";
import { EventFeed, FEED_LIMITS } from "../../src/queries/events/event-feed.ts";
import type { EventSight } from "../../src/queries/events/event-sight.ts";
import { watchEvents } from "../../src/queries/events/watch-events.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import { JournalTrial, pathOf } from "./journal-trial.ts";
import { toChange } from "./to-change.ts";

/** How long events are followed. */
export interface FeedRun {
  /** Changes, each of another file, at 200 a second. */
  readonly told: number;
}

const CHANGES_PER_SECOND = 200;
const WATCHERS = 20;
const BACKOFF = { triesMax: 5, baseDelayMs: 100, delayMaxMs: 1000, timeMaxMs: 10_000, random: () => 1 };
const WHOLE: EventSight = { file: [""], upload: [""], link: [""], namespace: [""] };

/**
 * Measures how long after its answer a change is told to watchers, while 200 files are changed a second and 20 watch, with the paces of the
 * service. The relay, the writers and the watchers share one process.
 */
export async function measureFeed(
  directory: string,
  { told }: FeedRun,
  report: (what: string) => void,
): Promise<FigureRow[]> {
  const trial = await JournalTrial.start(join(directory, "feed"), { files: told });
  const pools = await createDatabasePools({ url: trial.url });
  const feed = new EventFeed({ log: createEventLog(pools.commands), backoff: BACKOFF, limits: FEED_LIMITS });
  const stopping = new AbortController();
  try {
    const relay = createJournalRelay(pools.commands);
    await relay.numberNew();
    const pace = { ...NUMBERING_PACE, looksMax: Number.MAX_SAFE_INTEGER, signal: stopping.signal };
    const numbering = numberEntries(relay, pace);
    const answeredAt = new Map<string, number>();
    const arrivals = Array.from({ length: WATCHERS }, (_, nth) => follow(feed, { told, principal: `bench:${nth}` }));
    await changeFiles(pools, { told, answeredAt });
    const seen = await Promise.all(arrivals);
    stopping.abort();
    await numbering;
    const delays = seen
      .flatMap((arrived) => [...arrived].map(([path, at]) => Math.max(0, at - (answeredAt.get(path) ?? at))))
      .sort((a, b) => a - b);
    const at = (share: number) => Math.round(delays[Math.ceil(share * delays.length) - 1] ?? 0);
    report(`events: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`);
    return [
      {
        name: `commit → watcher at ${CHANGES_PER_SECOND} changes/s, p99`,
        measured: at(0.99),
        must: { atMost: 1000 },
        aim: { atMost: 200 },
        unit: "ms",
        note: `${WATCHERS} watchers; p50 ${at(0.5)} ms, longest ${at(1)} ms`,
      },
      {
        name: "changes that a watcher missed, or was told twice",
        measured: WATCHERS * told - delays.length,
        must: { atMost: 0 },
        unit: "count",
      },
    ];
  } finally {
    feed.drain();
    await pools.end();
    await trial.stop();
  }
}

/** When each path was told, to one watcher; a path that is told twice ends it. */
async function follow(
  feed: EventFeed,
  { told, principal }: { told: number; principal: string },
): Promise<Map<string, number>> {
  const namespace = { name: "default" } as Namespace;
  const namespaces: Namespaces = { get: () => namespace, values: () => [namespace] };
  const request = { namespace: "default", cursor: "", onlyNew: true, types: [], pathPrefix: "" };
  const caller = { principal, groups: [], tokenKind: "dev" as const };
  const arrived = new Map<string, number>();
  for await (const { event } of watchEvents({ feed, namespaces }, request, { caller, sight: () => WHOLE })) {
    if (event === undefined) continue;
    if (arrived.has(event.path)) throw new Error(`${event.path} was told twice`);
    arrived.set(event.path, performance.now());
    if (arrived.size === told) break;
  }
  return arrived;
}

async function changeFiles(
  pools: Awaited<ReturnType<typeof createDatabasePools>>,
  { told, answeredAt }: { told: number; answeredAt: Map<string, number> },
): Promise<void> {
  const { commands } = pools;
  const files = createFileRepository({ commands, read: (_position, query) => query(commands) });
  const beganAt = performance.now();
  const changes: Promise<void>[] = [];
  for (let change = 0; change < told; change++) {
    await delay(Math.max(0, beganAt + (1000 * change) / CHANGES_PER_SECOND - performance.now()));
    changes.push(
      files.update("default", pathOf(change), toChange("bench:writer")).then((file) => {
        answeredAt.set(file.path, performance.now());
      }),
    );
  }
  await Promise.all(changes);
}
