import {
  ListBucketIntelligentTieringConfigurationsCommand,
  ListBucketInventoryConfigurationsCommand,
  ListBucketMetricsConfigurationsCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { flattenFilter } from "./template-form.ts";

/** The bucket to read. S3 refuses when the bucket belongs to somebody else. */
export interface BucketInput {
  readonly Bucket: string;
  readonly ExpectedBucketOwner?: string;
}

/** Pages of a list that are read. A bucket has at most 1,000 members of each list, and a page has 100. */
const PAGES_MAX = 10;

/** One page of a list, and the token of the next page. */
interface Page<T> {
  readonly items: readonly T[] | undefined;
  readonly next: string | undefined;
}

/** `InventoryConfigurations` in CloudFormation's form; undefined when there are none. */
export async function readInventories(s3: S3Client, input: BucketInput, abortSignal: AbortSignal): Promise<unknown> {
  const all = await readPages(async (token) => {
    const answer = await s3.send(new ListBucketInventoryConfigurationsCommand({ ...input, ...token }), { abortSignal });
    return { items: answer.InventoryConfigurationList, next: answer.NextContinuationToken };
  });
  return all?.map(({ IsEnabled, Filter, Schedule, Destination, ...others }) => {
    const { Bucket, AccountId, ...target } = Destination?.S3BucketDestination ?? {};
    return {
      ...others,
      Enabled: IsEnabled,
      Prefix: Filter?.Prefix,
      ScheduleFrequency: Schedule?.Frequency,
      Destination: { BucketArn: Bucket, BucketAccountId: AccountId, ...target },
    };
  });
}

/** `MetricsConfigurations` in CloudFormation's form; undefined when there are none. */
export async function readMetrics(s3: S3Client, input: BucketInput, abortSignal: AbortSignal): Promise<unknown> {
  const all = await readPages(async (token) => {
    const answer = await s3.send(new ListBucketMetricsConfigurationsCommand({ ...input, ...token }), { abortSignal });
    return { items: answer.MetricsConfigurationList, next: answer.NextContinuationToken };
  });
  return all?.map(({ Id, Filter }) => ({ Id, ...flattenFilter(Filter) }));
}

/** `IntelligentTieringConfigurations` in CloudFormation's form; undefined when there are none. */
export async function readTierings(s3: S3Client, input: BucketInput, abortSignal: AbortSignal): Promise<unknown> {
  const all = await readPages(async (token) => {
    const answer = await s3.send(new ListBucketIntelligentTieringConfigurationsCommand({ ...input, ...token }), {
      abortSignal,
    });
    return { items: answer.IntelligentTieringConfigurationList, next: answer.NextContinuationToken };
  });
  return all?.map(({ Filter, ...others }) => ({ ...others, ...flattenFilter(Filter) }));
}

async function readPages<T>(
  read: (token: { ContinuationToken?: string }) => Promise<Page<T>>,
): Promise<readonly T[] | undefined> {
  const all: T[] = [];
  let next: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await read(next === undefined ? {} : { ContinuationToken: next });
    all.push(...(answer.items ?? []));
    next = answer.next;
    if (next === undefined) break;
  }
  return all.length === 0 ? undefined : all;
}
