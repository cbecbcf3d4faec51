/** The endpoint of AWS STS in a region. */
export interface StsRegion {
  readonly host: string;
  /** The partition of every ARN there: "aws", "aws-cn", … */
  readonly partition: string;
}

/** The public partitions. Source: docs.aws.amazon.com/general/latest/gr/sts.html, and the endpoint rules of the SDK (a test compares). */
const PARTITIONS = [
  {
    partition: "aws",
    suffix: "amazonaws.com",
    regions: [
      ...["af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1"],
      ...["ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5"],
      ...[
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-central-1",
        "ca-west-1",
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
      ],
      ...["eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1"],
      ...["me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"],
    ],
  },
  { partition: "aws-cn", suffix: "amazonaws.com.cn", regions: ["cn-north-1", "cn-northwest-1"] },
  { partition: "aws-us-gov", suffix: "amazonaws.com", regions: ["us-gov-east-1", "us-gov-west-1"] },
  { partition: "aws-eusc", suffix: "amazonaws.eu", regions: ["eusc-de-east-1"] },
] as const;

/**
 * Regions whose STS the service asks who a caller is, by their names. The global host is not among them: AWS advises against it, and
 * it belongs to no region that an answer could be compared with.
 */
export const STS_REGIONS: ReadonlyMap<string, StsRegion> = new Map(
  PARTITIONS.flatMap(({ partition, suffix, regions }) =>
    regions.map((region) => [region, { host: `sts.${region}.${suffix}`, partition }] as const),
  ),
);

/** The partitions of the regions. */
export const STS_PARTITIONS: ReadonlySet<string> = new Set(PARTITIONS.map(({ partition }) => partition));
