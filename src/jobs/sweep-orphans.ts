import type { UploadAccess } from "../commands/uploads/upload-access.ts";
import { parseExportKey } from "../domain/exported-object.ts";
import type { Namespace } from "../domain/namespaces/namespace.ts";
import { toErasurePrefix } from "../domain/privacy/erasure.ts";
import type { OrphanVerdict } from "../domain/uploads/orphan-verdict.ts";

/** Bounds of one sweep. */
export interface OrphanLimits {
  /** How long ago an orphan must have been begun, or its upload ended, in milliseconds of the database's clock. */
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
  /** Multipart uploads and versions that no row of ours knows; the sweep leaves them alone. */
  foreignMultiparts: number;
  foreignVersions: number;
  /** Keys of some foreign ones. */
  foreignKeys: string[];
  /** The failures, at most `ERRORS_MAX`; a later sweep tries again. */
  errors: unknown[];
  /** Where the next sweep goes on; "" when all was seen. */
  cursor: string;
}

const FOREIGN_KEYS_MAX = 5;
const ERRORS_MAX = 10;

type Access = Pick<UploadAccess<"orphans">, "uploads" | "objects">;

/** Where a sweep goes on: the multipart uploads are listed first, then the versions of objects. */
interface Place extends Pick<Namespace, "bucket" | "keyPrefix"> {
  kind: "multiparts" | "versions";
  after?: string | undefined;
}

/**
 * Looks through all that storage has under a namespace's key prefix for what the sweeper of uploads cannot know: multipart uploads
 * that lost against another, parts and objects that landed after their upload was cleaned. A row must prove that it is dead;
 * what no row knows is counted and left alone, but for exports whose time is over, which their keys tell; and so is what another namespace has under the same prefix. Goes on from `cursor`, page by page, and stops after `pagesMax`, at the
 * signal, or when much fails. It only removes, so it goes on where the bucket lies in a region that the namespace does not allow. Two sweeps at once delete the same things, which is no harm. Rejects when a page cannot be
 * listed or judged; what was removed until then is gone.
 */
export async function sweepOrphans(
  access: Access,
  options: { namespace: Namespace; limits: OrphanLimits; cursor: string; now: Date; signal?: AbortSignal },
): Promise<OrphanSweepResult> {
  const { namespace, limits, cursor, now, signal } = options;
  const result: OrphanSweepResult = {
    multipartsAborted: 0,
    versionsDeleted: 0,
    foreignMultiparts: 0,
    foreignVersions: 0,
    foreignKeys: [],
    errors: [],
    cursor,
  };
  let place: Place | undefined = parseCursor(cursor, namespace);
  for (let pages = 0; pages < limits.pagesMax && signal?.aborted !== true; pages++) {
    place = await sweepPage(access, place, { namespace, limits, now, result });
    result.cursor = place === undefined ? "" : JSON.stringify(place);
    if (place === undefined || result.errors.length >= ERRORS_MAX) break;
  }
  return result;
}

/** Sweeps one page; resolves to the one behind it, undefined behind the last. Rejects when the page cannot be listed or judged. */
async function sweepPage(
  { objects, uploads }: Access,
  place: Place,
  options: { namespace: Namespace; limits: OrphanLimits; now: Date; result: OrphanSweepResult },
): Promise<Place | undefined> {
  const { kind, bucket, keyPrefix, after } = place;
  const { namespace, limits, result } = options;
  const judge = (verdict: OrphanVerdict, key: string) => judgeExport(namespace, key, options.now) ?? verdict;
  const page = { keyPrefix, after, pageMax: limits.pageMax };
  const terms = { namespace: namespace.name, olderThanMs: limits.olderThanMs };
  if (kind === "multiparts") {
    const { multiparts, next } = await objects.listMultiparts(bucket, page);
    const verdicts = await uploads.orphans.judgeMultiparts(bucket, multiparts, terms);
    await removeDead(multiparts, verdicts, {
      result,
      judge,
      remove: async ({ key, multipartId }) => {
        await objects.abortMultipart({ bucket, key, multipartId });
        result.multipartsAborted++;
      },
      noteForeign: () => result.foreignMultiparts++,
    });
    return next === undefined ? { kind: "versions", bucket, keyPrefix } : { ...place, after: next };
  }
  const { versions: listed, next } = await objects.listVersions(bucket, page);
  const versions = listed.filter(({ key }) => !key.startsWith(toErasurePrefix(place)));
  const verdicts = await uploads.orphans.judgeKeys(
    bucket,
    versions.map(({ key }) => key),
    terms,
  );
  await removeDead(versions, verdicts, {
    result,
    judge,
    remove: async ({ key, versionId }) => {
      await objects.delete(bucket, key, { versionId });
      result.versionsDeleted++;
    },
    noteForeign: () => result.foreignVersions++,
  });
  return next === undefined ? undefined : { ...place, after: next };
}

/** What the key of an export says of it; undefined for a key of anything else. */
function judgeExport(namespace: Namespace, key: string, now: Date): OrphanVerdict | undefined {
  const expireTime = parseExportKey(namespace, key);
  return expireTime && (expireTime <= now ? "dead" : "kept");
}

/** An orphan that cannot be removed is passed over until the next round: it must not keep the sweep from those behind it. */
async function removeDead<T extends { key: string }>(
  found: readonly T[],
  verdicts: readonly OrphanVerdict[],
  options: {
    result: OrphanSweepResult;
    judge: (verdict: OrphanVerdict, key: string) => OrphanVerdict;
    remove: (one: T) => Promise<void>;
    noteForeign: () => void;
  },
): Promise<void> {
  const { result, judge, remove, noteForeign } = options;
  for (const [index, one] of found.entries()) {
    const verdict = judge(verdicts[index] ?? "kept", one.key);
    if (verdict === "foreign") {
      noteForeign();
      if (result.foreignKeys.length < FOREIGN_KEYS_MAX) result.foreignKeys.push(one.key);
    }
    if (verdict !== "dead") continue;
    try {
      await remove(one);
    } catch (error) {
      result.errors.push(error);
      if (result.errors.length >= ERRORS_MAX) return;
    }
  }
}

/** Where a cursor points to; the beginning where the namespace is bound to another place since. */
function parseCursor(cursor: string, { bucket, keyPrefix }: Namespace): Place {
  const begin: Place = { kind: "multiparts", bucket, keyPrefix };
  if (cursor === "") return begin;
  const place = JSON.parse(cursor) as Place;
  return place.bucket === bucket && place.keyPrefix === keyPrefix ? place : begin;
}
