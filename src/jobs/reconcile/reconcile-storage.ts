import { parseExportKey } from "../../domain/exported-object.ts";
import { toErasurePrefix } from "../../domain/privacy/erasure.ts";
import { confirmDifferences, suspectDifferences } from "./compare-pairs.ts";
import type { Difference, ReconcileAccess, ReconcileOptions } from "./difference.ts";
import { type KeyPair, pairByKey } from "./pair-by-key.ts";
import { repair } from "./repair.ts";

/** What one step has compared. */
export interface ReconcileStep {
  differences: Difference[];
  /** Keys that storage has, and keys that rows have. */
  keys: { stored: number; recorded: number };
  /** The next step goes on behind this key. */
  after: string;
}

/** Keys that one step compares. */
const STEP_KEYS = 1000;

/**
 * Compares what S3 lists under a namespace's key prefix with the rows of its files, both in the order of keys, step by step. Memory is that
 * of a page of each side and of one step. A difference is told once a second look has confirmed it, because commits and purges go on
 * meanwhile: the row is read again, and storage is asked for the object.
 *
 * A repair only deletes bytes that a row proves to be nobody's: those of an upload that has ended without them, and those of a purged
 * generation. Its entry in the journal comes before the deletion, so that no deletion is without one. Bytes that no row knows are never
 * touched (a restored database must not cost anybody data), and nothing is invented for a row without bytes.
 *
 * Rejects when the database or storage cannot be read; the `after` of the last step is where another run goes on.
 */
export async function* reconcileStorage(
  access: ReconcileAccess,
  options: ReconcileOptions,
): AsyncGenerator<ReconcileStep> {
  let pairs: KeyPair[] = [];
  const compare = async (): Promise<ReconcileStep> => {
    const suspects = pairs.flatMap((pair) => suspectDifferences(pair, options));
    const differences = await confirmDifferences(access, suspects, options);
    if (options.isRepairing) await repair(access, differences);
    const recorded = pairs.filter(({ file }) => file !== undefined).length;
    const stored = pairs.filter(({ versions }) => versions.length > 0).length;
    return { differences, keys: { stored, recorded }, after: pairs.at(-1)?.key ?? options.after };
  };
  const notes = toErasurePrefix(options.namespace);
  for await (const pair of pairByKey(access, options.namespace, options.after)) {
    options.signal?.throwIfAborted();
    if (pair.key.startsWith(notes) || parseExportKey(options.namespace, pair.key) !== undefined) continue;
    pairs.push(pair);
    if (pairs.length < STEP_KEYS) continue;
    yield await compare();
    pairs = [];
  }
  if (pairs.length > 0) yield await compare();
}
