import { z } from "zod";
import { findNearest } from "../../domain/nearest-name.ts";
import { REGIONS } from "./regions.ts";

/** A bucket's name by S3's rules: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
export const bucketName = z
  .string()
  .min(3, "a bucket's name has 3 to 63 characters")
  .max(63, "a bucket's name has 3 to 63 characters")
  .regex(
    /^[a-z0-9][a-z0-9.-]*[a-z0-9]$/,
    "a bucket's name has small letters, digits, dots and hyphens, and begins and ends with a letter or digit",
  )
  .refine((name) => !name.includes(".."), "a bucket's name has no two dots side by side")
  .refine((name) => !/^\d+\.\d+\.\d+\.\d+$/.test(name), "a bucket's name is not an IP address")
  .refine(
    (name) => !/^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(name),
    "this beginning or end of a bucket's name is kept by AWS for itself",
  );

const WRITTEN_LIKE_REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;
const ISOLATED = /^[a-z]{2}-iso/;

/** A region that is in REGIONS. */
export const regionName = z
  .string()
  .regex(WRITTEN_LIKE_REGION, 'a region is written like "eu-central-1"')
  .refine((name) => !ISOLATED.test(name), "the isolated partitions are not known here; choose a public region")
  .refine((name) => REGIONS.includes(name) || ISOLATED.test(name) || !WRITTEN_LIKE_REGION.test(name), {
    error: ({ input }) => {
      const nearest = findNearest(String(input), REGIONS);
      return `AWS has no such region${nearest === undefined ? "" : `; did you mean "${nearest}"?`}`;
    },
  });

/** A prefix of keys that S3's consoles, policies and lifecycle rules all take as it is. */
export const prefix = z
  .string()
  .max(512, "a prefix has 512 bytes at most")
  .regex(
    /^[A-Za-z0-9!_.'()-][A-Za-z0-9!_.'()/-]*\/$/,
    'a prefix is plain letters and digits, and ends in "/": "files/"',
  );

/** AWS account. */
export const accountId = z
  .string({
    error: ({ input }) =>
      input === undefined
        ? undefined
        : "an account id is 12 digits in quotes; unquoted, YAML reads a number and loses leading zeros",
  })
  .regex(/^\d{12}$/, 'an account id is 12 digits: "111122223333"');

/** ARN of a role, of any partition and account; a role's path is a part of it. */
export const roleArn = z
  .string()
  .regex(
    /^arn:aws(-cn|-us-gov)?:iam::\d{12}:role\/([\w+=,.@-]+\/)*[\w+=,.@-]{1,64}$/,
    'a role is named by its ARN: "arn:aws:iam::444455556666:role/reports"',
  );

/** ARN of a bus of EventBridge, of any partition, region and account. */
export const eventBusArn = z
  .string()
  .regex(
    /^arn:aws(-cn|-us-gov)?:events:[a-z0-9-]+:\d{12}:event-bus\/[A-Za-z0-9._/-]{1,256}$/,
    'a bus is named by its ARN: "arn:aws:events:eu-central-1:111122223333:event-bus/files"',
  );

/** Id of a VPC endpoint. */
export const vpcEndpointId = z
  .string()
  .regex(/^vpce-([0-9a-f]{8}|[0-9a-f]{17})$/, 'a VPC endpoint is named by its id: "vpce-0123456789abcdef0"');
