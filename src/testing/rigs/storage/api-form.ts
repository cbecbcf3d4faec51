// biome-ignore-all lint/suspicious/noExplicitAny: the inverse of a reading is as deep as S3's API, and tests alone use it
import type { InventoryConfiguration, LifecycleRule, NotificationConfiguration } from "@aws-sdk/client-s3";

/** A rule of `LifecycleConfiguration` in the form of S3's API. */
export function toApiLifecycleRule(rule: any): LifecycleRule {
  const { Id, Prefix, ExpirationInDays, ExpiredObjectDeleteMarker, Transitions, ...others } = rule;
  const isExpiring = ExpirationInDays !== undefined || ExpiredObjectDeleteMarker !== undefined;
  return {
    ID: Id,
    ...others,
    Filter: { Prefix: Prefix ?? "" },
    ...(isExpiring && { Expiration: { Days: ExpirationInDays, ExpiredObjectDeleteMarker } }),
    ...(Transitions !== undefined && {
      Transitions: Transitions.map(({ TransitionInDays, ...one }: any) => ({ Days: TransitionInDays, ...one })),
    }),
  };
}

/** One of `InventoryConfigurations` in the form of S3's API. */
export function toApiInventory(inventory: any): InventoryConfiguration {
  const { Enabled, Prefix, ScheduleFrequency, Destination, ...others } = inventory;
  const { BucketArn, BucketAccountId, ...target } = Destination ?? {};
  return {
    ...others,
    IsEnabled: Enabled,
    ...(Prefix !== undefined && { Filter: { Prefix } }),
    ...(ScheduleFrequency !== undefined && { Schedule: { Frequency: ScheduleFrequency } }),
    Destination: { S3BucketDestination: { Bucket: BucketArn, AccountId: BucketAccountId, ...target } },
  };
}

/** `NotificationConfiguration` in the form of S3's API. */
export function toApiNotifications(value: any): NotificationConfiguration {
  const toApi = (name: string, target: string) => (entry: any) => ({
    [target]: entry[name],
    Events: [entry.Event],
    ...(entry.Filter !== undefined && { Filter: { Key: { FilterRules: entry.Filter.S3Key.Rules } } }),
  });
  const { EventBridgeConfiguration, LambdaConfigurations, QueueConfigurations, TopicConfigurations } = value;
  return {
    ...(EventBridgeConfiguration?.EventBridgeEnabled && { EventBridgeConfiguration: {} }),
    LambdaFunctionConfigurations: LambdaConfigurations?.map(toApi("Function", "LambdaFunctionArn")),
    QueueConfigurations: QueueConfigurations?.map(toApi("Queue", "QueueArn")),
    TopicConfigurations: TopicConfigurations?.map(toApi("Topic", "TopicArn")),
  };
}
