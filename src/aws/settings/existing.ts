import { z } from "zod";

/** Most rules of a bucket's lifecycle. https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html */
const LIFECYCLE_RULES_MAX = 1000;
/** Most CORS rules of a bucket. https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html */
const CORS_RULES_MAX = 100;
/** Most notifications of a bucket. https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html */
const NOTIFICATIONS_MAX = 100;

const text = z.string().max(1024);
const days = z.int().min(0);
const status = z.enum(["Enabled", "Disabled"]);
const transition = z.strictObject({
  StorageClass: text,
  TransitionInDays: days.optional(),
  TransitionDate: text.optional(),
});

const lifecycleRule = z.strictObject({
  Id: text,
  Status: status,
  Prefix: text.optional(),
  TagFilters: z.array(z.strictObject({ Key: text, Value: text })).optional(),
  // CloudFormation's schema has these as texts, and S3 answers numbers.
  ObjectSizeGreaterThan: z.coerce.string().optional(),
  ObjectSizeLessThan: z.coerce.string().optional(),
  ExpirationInDays: days.optional(),
  ExpirationDate: text.optional(),
  ExpiredObjectDeleteMarker: z.boolean().optional(),
  Transitions: z.array(transition).optional(),
  NoncurrentVersionExpiration: z
    .strictObject({ NoncurrentDays: days, NewerNoncurrentVersions: z.int().optional() })
    .optional(),
  NoncurrentVersionTransitions: z
    .array(z.strictObject({ StorageClass: text, TransitionInDays: days, NewerNoncurrentVersions: z.int().optional() }))
    .optional(),
  AbortIncompleteMultipartUpload: z.strictObject({ DaysAfterInitiation: days }).optional(),
});

const corsRule = z.strictObject({
  Id: text.optional(),
  AllowedOrigins: z.array(text).min(1),
  AllowedMethods: z.array(z.enum(["GET", "PUT", "POST", "DELETE", "HEAD"])).min(1),
  AllowedHeaders: z.array(text).optional(),
  ExposedHeaders: z.array(text).optional(),
  MaxAge: days.optional(),
});

const filter = z.strictObject({
  S3Key: z.strictObject({
    Rules: z.array(z.strictObject({ Name: z.enum(["prefix", "suffix"]), Value: text })),
  }),
});
const notification = { Event: z.string().regex(/^s3:[A-Za-z:*]+$/), Filter: filter.optional() };

const notifications = z.strictObject({
  LambdaConfigurations: z
    .array(z.strictObject({ ...notification, Function: text }))
    .max(NOTIFICATIONS_MAX)
    .default([]),
  QueueConfigurations: z
    .array(z.strictObject({ ...notification, Queue: text }))
    .max(NOTIFICATIONS_MAX)
    .default([]),
  TopicConfigurations: z
    .array(z.strictObject({ ...notification, Topic: text }))
    .max(NOTIFICATIONS_MAX)
    .default([]),
});

/** The setting `existing`: what a bucket had before, and keeps, in the form of CloudFormation's properties. */
export const existing = z
  .strictObject({
    lifecycleRules: z.array(lifecycleRule).max(LIFECYCLE_RULES_MAX).default([]),
    corsRules: z.array(corsRule).max(CORS_RULES_MAX).default([]),
    notifications: notifications.prefault({}),
  })
  .prefault({})
  .describe(
    "what the bucket had before and keeps: `lifecycleRules`, `corsRules`, `notifications`, as `sluice config import` writes them",
  );

/** What a bucket had before, and keeps. */
export type Existing = z.output<typeof existing>;
