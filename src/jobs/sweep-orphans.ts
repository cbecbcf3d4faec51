import type { UploadAccess } from "../commands/upload-access.ts";
import type { OrphanVerdict } from "../domain/orphan-verdict.ts";

/** Bounds of one sweep. */
export interface OrphanLimits {
  /** How long ago what is left must have been begun, or its upload ended, in milliseconds of the database's clock. */
  olderThanMs: number;
  /** Pages of listings that one sweep reads; the next goes on behind them. */
  pagesMax: number;
  /** Entries of a page, at most 1,000. */
  pageMax: number;
}

/** What a sweep did. */
export interface OrphanSweepResult {
  multipartsAborted: number;
  versionsDeleted: number;
  /** What no row of ours knows, and was left alone. */
  foreignMultiparts: number;
  foreignVersions: number;
  /** Keys of some of them. */
  foreignKeys: string[];
  /** What could not be removed, at most `ERRORS_MAX`; a later sweep tries again. */
  errors: unknown[];
  /** Where the next sweep goes on; "" when all was seen. */
  cursor: string;
}

const FOREIGN_KEYS_MAX = 5;
const ERRORS_MAX = 10;

type Access = Pick<UploadAccess, "uploads" | "objects" | "namespaces">;

/** One listing of one key prefix. */
interface Section {
  kind: "multiparts" | "versions";
  bucket: string;
  keyPrefix: string;
}

/**
 * Looks through all that storage has under our key prefixes for what the sweeper of uploads cannot know: multipart uploads
 * that lost against another, parts and objects that landed after their upload was cleaned. A row must prove that it is dead;
 * what no row knows is counted and left alone. Goes on from `cursor`, page by page, and stops after `pagesMax`, at the
 * signal, or when much fails. Two sweeps at once delete the same things, which is no harm. Rejects when a page cannot be
 * listed or judged; what was removed until then is gone.
 */
export async function sweepOrphans(
  access: Access,
  { limits, cursor, signal }: { limits: OrphanLimits; cursor: string; signal?: AbortSignal },
): Promise<OrphanSweepResult> {
  const result: OrphanSweepResult = {
    ...{ multipartsAborted: 0, versionsDeleted: 0, foreignMultiparts: 0, foreignVersions: 0, foreignKeys: [] },
    ...{ errors: [], cursor },
  };
  const sections = toSections(access);
  let { section, after } = parseCursor(cursor, sections);
  for (let pages = 0; pages < limits.pagesMax && signal?.aborted !== true; pages++) {
    const current = sections[section];
    if (current === undefined) break;
    after = await sweepPage(access, current, { limits, after, result });
    if (after === undefined) section++;
    const next = sections[section];
    result.cursor = next === undefined ? "" : toCursor(next, after);
    if (result.errors.length >= ERRORS_MAX) break;
  }
  return result;
}

/** Sweeps one page; resolves to the one behind it. Rejects when the page cannot be listed or judged. */
async function sweepPage(
  { objects, uploads }: Access,
  { kind, bucket, keyPrefix }: Section,
  options: { limits: OrphanLimits; after: string | undefined; result: OrphanSweepResult },
): Promise<string | undefined> {
  const { limits, after, result } = options;
  const page = { keyPrefix, after, pageMax: limits.pageMax };
  if (kind === "multiparts") {
    const { multiparts, next } = await objects.listMultiparts(bucket, page);
    const verdicts = await uploads.judgeMultiparts(bucket, multiparts, limits);
    await removeDead(multiparts, verdicts, {
      result,
      remove: async ({ key, multipartId }) => {
        await objects.abortMultipart({ bucket, key, multipartId });
        result.multipartsAborted++;
      },
      noteForeign: () => result.foreignMultiparts++,
    });
    return next;
  }
  const { versions, next } = await objects.listVersions(bucket, page);
  const verdicts = await uploads.judgeKeys(
    bucket,
    versions.map(({ key }) => key),
    limits,
  );
  await removeDead(versions, verdicts, {
    result,
    remove: async ({ key, versionId }) => {
      await objects.delete(bucket, key, { versionId });
      result.versionsDeleted++;
    },
    noteForeign: () => result.foreignVersions++,
  });
  return next;
}

/** What cannot be removed is passed by until the next round: it must not keep the sweep from all that comes behind it. */
async function removeDead<T extends { key: string }>(
  found: readonly T[],
  verdicts: readonly OrphanVerdict[],
  options: { result: OrphanSweepResult; remove: (one: T) => Promise<void>; noteForeign: () => void },
): Promise<void> {
  const { result, remove, noteForeign } = options;
  for (const [index, one] of found.entries()) {
    if (verdicts[index] === "foreign") {
      noteForeign();
      if (result.foreignKeys.length < FOREIGN_KEYS_MAX) result.foreignKeys.push(one.key);
    }
    if (verdicts[index] !== "dead") continue;
    try {
      await remove(one);
    } catch (error) {
      result.errors.push(error);
      if (result.errors.length >= ERRORS_MAX) return;
    }
  }
}

/** Namespaces may share a bucket and a prefix, which is then looked through once. */
function toSections({ namespaces }: Access): Section[] {
  const places = new Map<string, Pick<Section, "bucket" | "keyPrefix">>();
  for (const { bucket, keyPrefix } of namespaces.values()) {
    places.set(JSON.stringify([bucket, keyPrefix]), { bucket, keyPrefix });
  }
  const sorted = [...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, place]) => place);
  return sorted.flatMap((place) => (["multiparts", "versions"] as const).map((kind) => ({ kind, ...place })));
}

function toCursor({ kind, bucket, keyPrefix }: Section, after: string | undefined): string {
  return JSON.stringify({ kind, bucket, keyPrefix, after });
}

/** Where a cursor points to; the beginning where its place is none of ours any more. */
function parseCursor(cursor: string, sections: readonly Section[]): { section: number; after: string | undefined } {
  if (cursor === "") return { section: 0, after: undefined };
  const { after, ...place } = JSON.parse(cursor) as Section & { after?: string };
  const section = sections.findIndex((one) => toCursor(one, undefined) === toCursor(place, undefined));
  return section === -1 ? { section: 0, after: undefined } : { section, after };
}
