import type {
  GetBucketCorsOutput,
  GetBucketLifecycleConfigurationOutput,
  LifecycleRule,
  MetadataConfigurationResult,
  NotificationConfiguration,
  NotificationConfigurationFilter,
  ReplicationConfiguration,
  ReplicationRule,
  Tag,
} from "@aws-sdk/client-s3";

/** The members that all filters of S3's rules have: one member outside of `And`, several within. */
interface RuleFilter {
  readonly Prefix?: string | undefined;
  readonly Tag?: Tag | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly AccessPointArn?: string | undefined;
  readonly ObjectSizeGreaterThan?: number | undefined;
  readonly ObjectSizeLessThan?: number | undefined;
  readonly And?: RuleFilter | undefined;
}

/**
 * A filter in CloudFormation's form, beside its rule's other members: `Prefix`, `TagFilters` and the rest. A filter of an
 * unknown kind is kept as it is, so that it is seen.
 */
export function flattenFilter(filter: object | undefined): object {
  if (filter === undefined) return {};
  const { And, Tag, Tags, ...others } = filter as RuleFilter;
  const tags = [...(Tag === undefined ? [] : [Tag]), ...(Tags ?? [])];
  return { ...others, ...(tags.length > 0 && { TagFilters: tags }), ...flattenFilter(And) };
}

/** `LifecycleConfiguration` in CloudFormation's form. */
export function toLifecycleForm(answer: GetBucketLifecycleConfigurationOutput): object | undefined {
  if (answer.Rules === undefined || answer.Rules.length === 0) return undefined;
  const { Rules, TransitionDefaultMinimumObjectSize } = answer;
  return { Rules: Rules.map(toLifecycleRule), TransitionDefaultMinimumObjectSize };
}

/** `NotificationConfiguration` in CloudFormation's form: one entry for each event. */
export function toNotificationForm(answer: NotificationConfiguration): object | undefined {
  const { EventBridgeConfiguration } = answer;
  const form = {
    EventBridgeConfiguration: EventBridgeConfiguration && { EventBridgeEnabled: true },
    LambdaConfigurations: answer.LambdaFunctionConfigurations?.flatMap(({ LambdaFunctionArn, Events, Filter }) =>
      (Events ?? []).map((Event) => ({ Event, Function: LambdaFunctionArn, Filter: toKeyFilter(Filter) })),
    ),
    QueueConfigurations: answer.QueueConfigurations?.flatMap(({ QueueArn, Events, Filter }) =>
      (Events ?? []).map((Event) => ({ Event, Queue: QueueArn, Filter: toKeyFilter(Filter) })),
    ),
    TopicConfigurations: answer.TopicConfigurations?.flatMap(({ TopicArn, Events, Filter }) =>
      (Events ?? []).map((Event) => ({ Event, Topic: TopicArn, Filter: toKeyFilter(Filter) })),
    ),
  };
  return Object.values(form).some((one) => one !== undefined) ? form : undefined;
}

/** `CorsConfiguration` in CloudFormation's form. */
export function toCorsForm({ CORSRules }: Pick<GetBucketCorsOutput, "CORSRules">): object | undefined {
  const rules = CORSRules?.map(({ ID, ExposeHeaders, MaxAgeSeconds, ...others }) => ({
    Id: ID,
    ExposedHeaders: ExposeHeaders,
    MaxAge: MaxAgeSeconds,
    ...others,
  }));
  return rules && { CorsRules: rules };
}

/** `MetadataConfiguration` in CloudFormation's form, without what S3 says of its tables. */
export function toMetadataForm(answer: MetadataConfigurationResult | undefined): object | undefined {
  if (answer === undefined) return undefined;
  const { JournalTableConfigurationResult: journal, InventoryTableConfigurationResult: inventory } = answer;
  return {
    JournalTableConfiguration: journal && { RecordExpiration: journal.RecordExpiration },
    InventoryTableConfiguration: inventory && { ConfigurationState: inventory.ConfigurationState },
  };
}

/** `ReplicationConfiguration` in CloudFormation's form. */
export function toReplicationForm(answer: ReplicationConfiguration | undefined): object | undefined {
  return answer && { Role: answer.Role, Rules: answer.Rules?.map(toReplicationRule) };
}

function toLifecycleRule({ ID, Expiration, Filter, Transitions, ...others }: LifecycleRule): object {
  const { NoncurrentVersionTransitions, ...plain } = others;
  return {
    Id: ID,
    ...plain,
    ...flattenFilter(Filter),
    ExpirationInDays: Expiration?.Days,
    ExpirationDate: Expiration?.Date,
    ExpiredObjectDeleteMarker: Expiration?.ExpiredObjectDeleteMarker,
    Transitions: Transitions?.map(({ Days, Date: date, ...one }) => ({
      TransitionInDays: Days,
      TransitionDate: date,
      ...one,
    })),
    NoncurrentVersionTransitions: NoncurrentVersionTransitions?.map(({ NoncurrentDays, ...one }) => ({
      TransitionInDays: NoncurrentDays,
      ...one,
    })),
  };
}

/** S3 answers `Prefix` and `Suffix` in either case. */
function toKeyFilter(filter: NotificationConfigurationFilter | undefined): object | undefined {
  const rules = filter?.Key?.FilterRules?.map(({ Name, Value }) => ({ Name: Name?.toLowerCase(), Value }));
  return rules && { S3Key: { Rules: rules } };
}

/** Here the filter stays a filter, with `TagFilter` for one tag. */
function toReplicationRule({ ID, Filter, ...others }: ReplicationRule): object {
  if (Filter === undefined) return { Id: ID, ...others };
  const { Tag, And, ...plain } = Filter;
  return {
    Id: ID,
    ...others,
    Filter: {
      ...plain,
      TagFilter: Tag,
      And: And && { Prefix: And.Prefix, TagFilters: And.Tags },
    },
  };
}
