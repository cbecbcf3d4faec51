import type { OrphanJudge, OrphanTerms, OrphanVerdict } from "../../../domain/uploads/orphan-verdict.ts";
import { isDead, type StoredUpload, type StoredUploads } from "./stored-uploads.ts";

/** The judge of orphans in memory. */
export class FakeOrphanJudge implements OrphanJudge {
  readonly #stored: StoredUploads;

  constructor(stored: StoredUploads) {
    this.#stored = stored;
  }

  async judgeMultiparts(
    bucket: string,
    multiparts: readonly { key: string; multipartId: string; initiated: Date }[],
    { namespace, olderThanMs }: OrphanTerms,
  ): Promise<OrphanVerdict[]> {
    return multiparts.map(({ key, multipartId, initiated }) => {
      const upload = this.#findByKey(bucket, key)?.upload;
      if (upload === undefined) return "foreign";
      if (upload.namespace !== namespace) return "kept";
      const isLive = !isDead(upload.state) && upload.state !== "committed";
      const isOurs = isLive && upload.multipartId === multipartId;
      return isOurs || initiated.getTime() > this.#stored.now() - olderThanMs ? "kept" : "dead";
    });
  }

  async judgeKeys(
    bucket: string,
    keys: readonly string[],
    { namespace, olderThanMs }: OrphanTerms,
  ): Promise<OrphanVerdict[]> {
    return keys.map((key) => {
      if (this.#stored.files.hasKey(bucket, key)) return "kept";
      const [, base, attempt] = /^(.*)\.([1-9]\d{0,8})$/.exec(key) ?? [undefined, key, undefined];
      const stored = this.#findByKey(bucket, base as string);
      if (stored === undefined) return "foreign";
      if (stored.upload.namespace !== namespace) return "kept";
      const { upload, stateMs, urlExpireMs = 0 } = stored;
      const isMade = attempt === undefined ? upload.crc32 !== undefined : Number(attempt) <= upload.putAttempt;
      if (!isMade && (attempt !== undefined || isDead(upload.state))) return "foreign";
      if (Math.max(stateMs, urlExpireMs) > this.#stored.now() - olderThanMs) return "kept";
      const isLoser = upload.state === "committed" && upload.object?.key !== key;
      return isDead(upload.state) || isLoser ? "dead" : "kept";
    });
  }

  #findByKey(bucket: string, s3Key: string): StoredUpload | undefined {
    return [...this.#stored.uploads.values()].find(({ upload }) => upload.bucket === bucket && upload.s3Key === s3Key);
  }
}
