import {
  ListBucketIntelligentTieringConfigurationsCommand,
  ListBucketInventoryConfigurationsCommand,
  ListBucketMetricsConfigurationsCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { flattenFilter } from "./template-form.ts";

/** The bucket that is asked for; S3 refuses when it is somebody else's. */
export interface BucketInput {
  readonly Bucket: string;
  readonly ExpectedBucketOwner?: string;
}

/** Pages of a list that are read; a bucket has 1,000 of each at most, and a page 100. */
const PAGES_MAX = 10;

/** One page of a list, and where the next begins. */
interface Page<T> {
  readonly items: readonly T[] | undefined;
  readonly next: string | undefined;
}

/** `InventoryConfigurations` as CloudFormation has them; undefined when there are none. */
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

/** `MetricsConfigurations` as CloudFormation has them; undefined when there are none. */
export async function readMetrics(s3: S3Client, input: BucketInput, abortSignal: AbortSignal): Promise<unknown> {
  const all = await readPages(async (token) => {
    const answer = await s3.send(new ListBucketMetricsConfigurationsCommand({ ...input, ...token }), { abortSignal });
    return { items: answer.MetricsConfigurationList, next: answer.NextContinuationToken };
  });
  return all?.map(({ Id, Filter }) => ({ Id, ...flattenFilter(Filter) }));
}

/** `IntelligentTieringConfigurations` as CloudFormation has them; undefined when there are none. */
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
