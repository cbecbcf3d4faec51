import { setFlagsFromString } from "node:v8";
import { parseConfig } from "../../config/config.ts";
import { DomainError } from "../../domain/errors.ts";
import type { Difference, ReconcileAccess, ReconcileOptions } from "../../jobs/reconcile/difference.ts";
import { reconcileStorage } from "../../jobs/reconcile/reconcile-storage.ts";
import { createFileRepository } from "../../postgres/files/file-repository.ts";
import { createJournalWriter } from "../../postgres/journal/journal-writer.ts";
import { createNamespaceRepository } from "../../postgres/namespace-repository.ts";
import { createDatabasePool } from "../../postgres/pool/pool.ts";
import { createUploadRepositories } from "../../postgres/uploads/upload-repositories.ts";
import { createS3Access } from "../../s3/create-access.ts";
import { createObjectStore } from "../../s3/object-store.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { formatBytes } from "../terminal/human-units.ts";
import { printJson, printLine, printNote, type Terminal } from "../terminal/terminal.ts";

/** Options of `sluice reconcile`. */
export interface ReconcileCommandOptions {
  /** All namespaces when left out. */
  namespace?: string;
  /** Where an earlier run of this namespace has ended. */
  after?: string;
  checksums: boolean;
  repair: boolean;
  olderThanDays: number;
  json: boolean;
}

const DAY_MS = 86_400_000;
/**
 * V8 collects once the heap has grown by 30 % since it last did, and not when it has doubled and more: what takes longer by that nobody
 * waits for, and pages of listings leave much behind.
 */
const HEAP_GROWTH = "--heap-growing-percent=30";
/** Steps, of a thousand keys each, from one printed position to the next. */
const STEPS_TOLD = 100;

/**
 * `sluice reconcile`: compares S3 with the database, prints each difference and then a summary, and repairs if asked to. Resolves to
 * whether all is well: nothing differs, or what differs was repaired. When it is cut off, the position that it printed last is where
 * another run goes on.
 */
export async function runReconcile(terminal: Terminal, options: ReconcileCommandOptions): Promise<boolean> {
  const { namespace: wanted, after = "", repair: isRepairing, olderThanDays } = options;
  if (after !== "" && wanted === undefined)
    throw new UsageError("a position is one of a namespace; name it by --namespace");
  if (isRepairing && olderThanDays < 1) throw new UsageError("what is younger than a day is never repaired");
  setFlagsFromString(HEAP_GROWTH);
  const config = parseConfig(terminal.env);
  const pool = await createDatabasePool("reconcile", { ...config.database, limits: { connectionsMax: 2 } });
  try {
    const namespaces = (await createNamespaceRepository(pool).listChanged(0)).filter(
      ({ name, deleteTime }) => deleteTime === undefined && (wanted === undefined || name === wanted),
    );
    if (namespaces.length === 0) throw noNamespace(wanted);
    const regions = new Map(namespaces.map(({ bucket, region }) => [bucket, region]));
    const { at, close } = createS3Access(config, {
      closing: terminal.signal,
      regionOf: (bucket) => regions.get(bucket),
    });
    const access: ReconcileAccess = {
      objects: createObjectStore(at),
      files: createFileRepository({ commands: pool, read: (_position, query) => query(pool) }),
      orphans: createUploadRepositories(pool).orphans,
      journal: createJournalWriter(pool),
      now: () => new Date(),
    };
    const summary = new Summary();
    try {
      for (const namespace of namespaces) {
        const { checksums } = options;
        const terms = { namespace, after, checksums, isRepairing, olderThanMs: olderThanDays * DAY_MS };
        await reconcileOne(terminal, access, { ...terms, json: options.json, summary });
      }
    } finally {
      close();
    }
    summary.print(terminal, options.json);
    return summary.left === 0;
  } finally {
    await pool.end();
  }
}

async function reconcileOne(
  terminal: Terminal,
  access: ReconcileAccess,
  { json, summary, ...options }: ReconcileOptions & { json: boolean; summary: Summary },
): Promise<void> {
  const { name } = options.namespace;
  let { after } = options;
  let steps = 0;
  const tellPosition = () => {
    if (json) printJson(terminal, { position: { namespace: name, after } });
    else printNote(terminal, `to go on from here: --namespace ${name} --after ${JSON.stringify(after)}`);
  };
  try {
    for await (const step of reconcileStorage(access, { ...options, signal: terminal.signal })) {
      for (const difference of step.differences) {
        if (json) printJson(terminal, { difference: { ...difference } });
        else printLine(terminal, toLine(difference));
      }
      summary.add(step);
      after = step.after;
      if (++steps % STEPS_TOLD === 0) tellPosition();
    }
  } catch (error) {
    tellPosition();
    throw error;
  }
}

class Summary {
  readonly #keys = { stored: 0, recorded: 0 };
  readonly #differences = new Map<Difference["kind"], number>();
  #repaired = 0;
  #found = 0;

  /** Differences that were not repaired. */
  get left(): number {
    return this.#found - this.#repaired;
  }

  add({ keys, differences }: { keys: { stored: number; recorded: number }; differences: readonly Difference[] }): void {
    this.#keys.stored += keys.stored;
    this.#keys.recorded += keys.recorded;
    for (const { kind, repair } of differences) {
      this.#found++;
      this.#differences.set(kind, (this.#differences.get(kind) ?? 0) + 1);
      if (repair === "done") this.#repaired++;
    }
  }

  print(terminal: Terminal, json: boolean): void {
    const differences = Object.fromEntries(this.#differences);
    const { stored, recorded } = this.#keys;
    if (json) {
      printJson(terminal, { summary: { objects: stored, rows: recorded, differences, repaired: this.#repaired } });
      return;
    }
    const kinds = Object.entries(differences).map(([kind, count]) => `${count} ${kind}`);
    const found = kinds.length === 0 ? "no differences" : kinds.join(", ");
    printLine(terminal, `compared ${stored} objects with ${recorded} rows: ${found}; ${this.#repaired} repaired`);
  }
}

const REPAIRS = {
  none: "",
  possible: "; --repair deletes these bytes",
  done: "; deleted",
  failed: "; could not be deleted, and is tried again by another run",
} satisfies Record<Difference["repair"], string>;

function toLine({ kind, bucket, key, versionId, file, stored, repair }: Difference): string {
  const recorded =
    file && ` (${JSON.stringify(file.path)}, generation ${file.generation}, ${formatBytes(file.sizeBytes)})`;
  const found = stored === undefined ? "" : `: storage has ${formatBytes(stored.sizeBytes)}`;
  const version = versionId === "" ? "" : ` version ${versionId}`;
  return `${kind}: ${bucket}/${key}${version}${recorded ?? ""}${found}${REPAIRS[repair]}`;
}

function noNamespace(wanted: string | undefined): DomainError {
  const message =
    wanted === undefined ? "the database has no namespace" : `there is no namespace ${JSON.stringify(wanted)}`;
  return new DomainError("not_found", message, { reason: "NAMESPACE_NOT_FOUND" });
}
