import { z } from "zod";

/** Most statements: the smallest takes some 150 bytes of the bucket's policy, which has room for 20 KiB. */
const STATEMENTS_MAX = 100;
/** Most values of one element of a statement; more than that fits no policy. */
const VALUES_MAX = 200;

const OPERATOR =
  /^(For(Any|All)Values?s?:)?((String(Not)?(Equals(IgnoreCase)?|Like)|Numeric(Not)?Equals|Numeric(Less|Greater)Than(Equals)?|Date(Not)?Equals|Date(Less|Greater)Than(Equals)?|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like))(IfExists)?|Null)$/;

/** One value or a list of values, as IAM's JSON has both. */
function oneOrMany<T extends z.ZodType>(value: T) {
  return z.union([value.transform((one) => [one]), z.array(value).min(1).max(VALUES_MAX)]);
}

const principalOfAws = z
  .string()
  .regex(
    /^(\*|\d{12}|arn:aws(-cn|-us-gov)?:(iam|sts)::[\d*]+:.+)$/,
    'a principal is an account id or an ARN of IAM: "arn:aws:iam::444455556666:role/reports"',
  );
const principalOfService = z
  .string()
  .regex(/^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$/, 'a service is named by its principal: "logging.s3.amazonaws.com"');

const statement = z.strictObject({
  Sid: z.string().regex(/^[A-Za-z0-9]{1,64}$/, "a Sid has 1 to 64 letters and digits"),
  Effect: z.enum(["Allow", "Deny"]),
  Principal: z.union([
    z.literal("*").transform(() => ({ AWS: ["*"], Service: undefined })),
    z
      .strictObject({ AWS: oneOrMany(principalOfAws).optional(), Service: oneOrMany(principalOfService).optional() })
      .refine(
        ({ AWS, Service }) => (AWS === undefined) !== (Service === undefined),
        "say AWS or Service; a second statement takes the other one",
      ),
  ]),
  Action: oneOrMany(z.string().regex(/^s3:[A-Za-z*?]+$/, 'an action is one of S3\'s: "s3:GetObject"')),
  Resource: oneOrMany(z.string().min(1).max(2048)),
  Condition: z
    .record(
      z.string().regex(OPERATOR, 'an operator is one of IAM\'s, such as "StringEquals" or "ArnLike"'),
      z.record(z.string().min(1).max(256), oneOrMany(z.coerce.string().max(2048))),
    )
    .optional(),
});

/** The setting `statements`: statements of one's own in the bucket's policy, written as in IAM's JSON. */
export const statements = z
  .array(statement)
  .max(STATEMENTS_MAX)
  .default([])
  .describe(
    "statements of your own that the bucket's policy keeps, as in IAM's JSON: `Sid`, `Effect`, `Principal`, `Action`, `Resource`, `Condition`",
  );

/** A statement as the settings have it: every element but the effect is a list. */
export type OwnStatement = z.output<typeof statement>;
