/**
 * What AWS offers, and for how much, in eu-central-1 in November 2026, before taxes and discounts. Prices are list prices, rounded; the pages
 * https://aws.amazon.com/fargate/pricing, …/rds/postgresql/pricing, …/s3/pricing and …/elasticloadbalancing/pricing have the present ones.
 */
export const PRICES_USD = {
  fargateCpuHour: 0.0466,
  fargateGibHour: 0.0051,
  /** A vCPU of an instance of class m7g with a standby in another zone, with its memory. */
  databaseCpuHour: 0.195,
  /** gp3, with its copy in the other zone. */
  databaseGibMonth: 0.27,
  loadBalancerHour: 0.027,
  /** A capacity unit: a GiB in an hour. */
  loadBalancerGib: 0.008,
  /** S3 Standard, by what is stored: up to so many bytes at so much a GiB a month. */
  storageGibMonth: [
    { upToBytes: 50 * 2 ** 40, usd: 0.0245 },
    { upToBytes: 500 * 2 ** 40, usd: 0.0235 },
    { upToBytes: Number.POSITIVE_INFINITY, usd: 0.0225 },
  ],
  thousandWrites: 0.0054,
} as const;

/** A task of the service: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html */
export const REPLICA = { cpus: 2, memoryGib: 4, workers: 2 } as const;

/** Sizes of instance class m7g: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html */
export const DATABASE_CLASSES = [
  { name: "db.m7g.large", cpus: 2, memoryGib: 8 },
  { name: "db.m7g.xlarge", cpus: 4, memoryGib: 16 },
  { name: "db.m7g.2xlarge", cpus: 8, memoryGib: 32 },
  { name: "db.m7g.4xlarge", cpus: 16, memoryGib: 64 },
  { name: "db.m7g.8xlarge", cpus: 32, memoryGib: 128 },
  { name: "db.m7g.16xlarge", cpus: 64, memoryGib: 256 },
] as const;

/** Storage of one RDS instance: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html */
export const DATABASE_BYTES_MAX = 64 * 2 ** 40;

/** max_connections as RDS sets it: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html */
export function databaseConnectionsMax({ memoryGib }: { memoryGib: number }): number {
  return Math.min(Math.floor((memoryGib * 2 ** 30) / 9_531_392), 5000);
}

/** Writes a second that S3 takes at one prefix before it has divided it: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html */
export const S3_WRITES_A_SECOND = 3500;
