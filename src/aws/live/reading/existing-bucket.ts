import { DomainError } from "../../../domain/errors.ts";
import { BUCKET_FACETS, type BucketFacet, type LiveAws, LiveAwsProblem } from "../comparison/live-facets.ts";
import { type Plain, type PlainMap, toPlain } from "../comparison/plain.ts";
import { runReadings } from "./readings.ts";
import { toCorsForm, toLifecycleForm, toNotificationForm } from "./template-form.ts";

/** What a bucket has before it is imported. */
export interface ExistingBucket {
  /** The values that were read; a facet that the bucket does not have is undefined. */
  readonly facets: ReadonlyMap<BucketFacet, Plain | undefined>;
  /** Facets of which nothing is known, with the reason. */
  readonly unread: ReadonlyMap<BucketFacet, string>;
}

/** Facets that an import keeps, each with the file that has its answer of `aws s3api`, and how that is read. */
const KEPT = {
  Policy: ["get-bucket-policy.json", ({ Policy }) => JSON.parse(String(Policy))],
  LifecycleConfiguration: ["get-bucket-lifecycle-configuration.json", toLifecycleForm],
  CorsConfiguration: ["get-bucket-cors.json", toCorsForm],
  NotificationConfiguration: ["get-bucket-notification-configuration.json", toNotificationForm],
} as const satisfies Partial<Record<BucketFacet, readonly [file: string, read: (answer: PlainMap) => unknown]>>;

const KEPT_FACETS = Object.keys(KEPT) as (keyof typeof KEPT)[];

/** Names of the files that an import reads. A bucket that lacks something has no such file, or an empty one. */
export const ANSWER_FILES: readonly string[] = KEPT_FACETS.map((facet) => KEPT[facet][0]);

/**
 * Reads every facet of a bucket. Throws `LiveAwsProblem` when the bucket does not exist, or when a facet cannot be read that
 * the import is to keep: it would be lost.
 */
export async function readExistingBucket(
  bucket: string,
  liveAws: LiveAws,
  options: { signal: AbortSignal },
): Promise<ExistingBucket> {
  const [facets, unread] = [new Map<BucketFacet, Plain | undefined>(), new Map<BucketFacet, string>()];
  await runReadings(
    (read) =>
      (Object.keys(BUCKET_FACETS) as BucketFacet[]).map(async (facet) => {
        const reading = await read((signal) => liveAws.readBucket(bucket, facet, { signal }));
        if ("value" in reading) return void facets.set(facet, reading.value);
        const { kind, message } = reading.problem;
        if (facet in KEPT || kind === "missing") {
          throw new LiveAwsProblem(kind, `nothing is imported, because the bucket would lose what it has: ${message}`);
        }
        unread.set(facet, message);
      }),
    options,
  );
  return { facets, unread };
}

/**
 * Reads the answers of `aws s3api get-bucket-…`, each under its file's name in ANSWER_FILES. An answer that is not there says
 * that the bucket has nothing of the kind. Throws `invalid_argument / CONFIGURATION_INVALID` with a sentence a line for each
 * file that is no such answer.
 */
export function parseExistingAnswers(answers: ReadonlyMap<string, string>): ExistingBucket {
  const [facets, unread] = [new Map<BucketFacet, Plain | undefined>(), new Map<BucketFacet, string>()];
  const problems: string[] = [];
  for (const facet of Object.keys(BUCKET_FACETS) as BucketFacet[]) unread.set(facet, "the files do not tell");
  for (const facet of KEPT_FACETS) {
    const [file, toForm] = KEPT[facet];
    const answer = answers.get(file)?.trim() ?? "";
    unread.delete(facet);
    try {
      facets.set(facet, answer === "" ? undefined : toPlain(toForm(JSON.parse(answer))));
    } catch {
      problems.push(`${file} is no answer of aws s3api ${file.replace(".json", "")}; write it anew, as JSON`);
    }
  }
  if (problems.length > 0) {
    throw new DomainError("invalid_argument", problems.join("\n"), {
      reason: "CONFIGURATION_INVALID",
      field: "settings",
    });
  }
  return { facets, unread };
}
