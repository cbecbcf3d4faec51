import { PRIMARY_CONNECTIONS_MAX } from "../../src/postgres/pool/pool.ts";
import {
  DATABASE_BYTES_MAX,
  DATABASE_CLASSES,
  databaseConnectionsMax,
  PRICES_USD,
  REPLICA,
  S3_WRITES_A_SECOND,
} from "./aws-offers.ts";
import type { MeasuredCosts } from "./measured-costs.ts";

/** What a deployment has to bear. */
export interface Demand {
  /** In the busiest hour. */
  readonly uploadsPerHour: number;
  readonly meanBytes: number;
  /** Calls that read metadata, sign downloads, list or search, for each upload. */
  readonly readsPerUpload: number;
  /** How long a file is kept. */
  readonly keptDays: number;
}

type DatabaseClass = (typeof DATABASE_CLASSES)[number];

/** A limit, and how much of it is used. */
export interface Use {
  readonly name: string;
  /** 1 at the limit. */
  readonly share: number;
  /** What is done when it is reached. */
  readonly remedy: string;
}

/** A deployment that bears a demand. */
export interface Sizing {
  readonly uploadsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly replicas: number;
  readonly connections: number;
  /** Instances, each with a standby and a share of the namespaces, and their class. */
  readonly databases: number;
  readonly database: DatabaseClass;
  readonly databaseBytes: number;
  readonly files: number;
  readonly storedBytes: number;
  readonly walBytesPerSecond: number;
  readonly writesPerSecond: number;
  /** The busiest second against the largest that one primary and one prefix can be, the fullest first. */
  readonly uses: readonly Use[];
  readonly usdPerMonth: {
    readonly service: number;
    readonly database: number;
    readonly storage: number;
    readonly requests: number;
  };
}

/** The busiest second has so many times the uploads of a second of the busiest hour. */
const PEAK = 2;
/** A day has as many uploads as so many of its busiest hours. */
const BUSY_HOURS_A_DAY = 10;
/** Share of a processor that is planned with: the rest is for replicas that end, and for hours busier than planned. */
const CPU_SHARE = 0.6;
/** At least, so that one may end. */
const REPLICAS_MIN = 2;
/** One more than is needed, so that one may end at the busiest time. */
const SPARE = 1;
/** Bytes a second of a caller, for how long an upload takes. */
const CALLER_BYTES_PER_SECOND = 4 * 2 ** 20;
/** SLUICE_UPLOADS_MAX */
const STREAMS_OF_REPLICA = 1000;
/** SLUICE_PART_SIZE_BYTES. A larger file takes a request for each part, and two that begin and complete them. */
const PART_BYTES = 8 * 2 ** 20;
/** Entries of the journal for an upload: it has begun, and it is committed. */
const ENTRIES_PER_UPLOAD = 2;
/** Entries that one relay numbers a second, as `npm run bench:journal` measures it. */
const RELAY_ENTRIES = 14_460;
/** How often a database may be larger than its memory while inserts find most of the index pages that they change: a rule of thumb. */
const DATABASE_TO_MEMORY = 30;
const GROUPS = "a database for each group of namespaces";
const HOURS_A_MONTH = 730;
const DAYS_A_MONTH = 30.4;
const GIB = 2 ** 30;

/** Sizes a deployment for a demand by what its work costs. */
export function sizeDeployment(demand: Demand, costs: MeasuredCosts): Sizing {
  const load = toLoad(demand, costs);
  const usesOf = (of: DatabaseClass) => usesOfPrimary(load, of);
  const fullestOf = (of: DatabaseClass) => Math.max(...usesOf(of).map(({ share }) => share));
  const largest = DATABASE_CLASSES.at(-1) as DatabaseClass;
  const databases = Math.ceil(fullestOf(largest));
  const database = DATABASE_CLASSES.find((of) => fullestOf(of) <= databases) ?? largest;
  const { uploadsPerSecond, writesPerSecond } = load;
  return {
    ...load,
    databases,
    database,
    uses: [
      ...usesOf(largest),
      {
        name: "numbering of the journal",
        share: (uploadsPerSecond * ENTRIES_PER_UPLOAD) / RELAY_ENTRIES,
        remedy: GROUPS,
      },
      {
        name: "writes at one prefix of S3",
        share: writesPerSecond / S3_WRITES_A_SECOND,
        remedy: "S3 divides the prefix by itself; ask AWS before a sudden rise",
      },
    ].sort((a, b) => b.share - a.share),
    usdPerMonth: toUsdPerMonth(load, { databases, database }),
  };
}

type Load = Omit<Sizing, "databases" | "database" | "uses" | "usdPerMonth"> & {
  databaseCpus: number;
  uploadsPerMonth: number;
};

/** What the demand asks for at its busiest second, and in the end. */
function toLoad(demand: Demand, costs: MeasuredCosts): Load {
  const uploadsPerSecond = (PEAK * demand.uploadsPerHour) / 3600;
  const readsPerSecond = uploadsPerSecond * demand.readsPerUpload;
  const bytesPerSecond = uploadsPerSecond * demand.meanBytes;
  const toCpus = (msPerUpload: number, msPerRead: number) =>
    (uploadsPerSecond * msPerUpload + readsPerSecond * msPerRead) / 1000;
  const serviceCpus =
    toCpus(costs.serviceCpuMsPerUpload, costs.serviceCpuMsPerRead) +
    (bytesPerSecond / GIB) * costs.serviceCpuSecondsPerGib;
  const streams = bytesPerSecond / CALLER_BYTES_PER_SECOND;
  const needed = Math.max(serviceCpus / (REPLICA.cpus * CPU_SHARE), streams / STREAMS_OF_REPLICA);
  const replicas = Math.max(REPLICAS_MIN, Math.ceil(needed) + SPARE);
  const uploadsPerDay = demand.uploadsPerHour * BUSY_HOURS_A_DAY;
  const files = uploadsPerDay * demand.keptDays;
  const writesPerUpload = demand.meanBytes <= PART_BYTES ? 1 : 2 + Math.ceil(demand.meanBytes / PART_BYTES);
  return {
    uploadsPerSecond,
    bytesPerSecond,
    replicas,
    connections: replicas * REPLICA.workers * PRIMARY_CONNECTIONS_MAX,
    databaseCpus: toCpus(costs.databaseCpuMsPerUpload, costs.databaseCpuMsPerRead),
    databaseBytes: files * costs.databaseBytesPerFile,
    files,
    storedBytes: files * demand.meanBytes,
    walBytesPerSecond: uploadsPerSecond * costs.walBytesPerUpload,
    writesPerSecond: uploadsPerSecond * writesPerUpload,
    uploadsPerMonth: uploadsPerDay * DAYS_A_MONTH,
  };
}

/** What one primary of a class would have to bear. */
function usesOfPrimary({ databaseCpus, connections, databaseBytes }: Load, of: DatabaseClass): Use[] {
  return [
    { name: "processors of the primary", share: databaseCpus / (of.cpus * CPU_SHARE), remedy: GROUPS },
    {
      name: "connections of the primary",
      share: connections / databaseConnectionsMax(of),
      remedy: "PgBouncer or RDS Proxy in front",
    },
    {
      name: "memory of the primary",
      share: databaseBytes / (of.memoryGib * GIB * DATABASE_TO_MEMORY),
      remedy: GROUPS,
    },
    { name: "storage of the primary", share: databaseBytes / DATABASE_BYTES_MAX, remedy: GROUPS },
  ];
}

function toUsdPerMonth(load: Load, { databases, database }: Pick<Sizing, "databases" | "database">) {
  const { fargateCpuHour, fargateGibHour, loadBalancerHour, loadBalancerGib, databaseCpuHour } = PRICES_USD;
  const replicaHour = REPLICA.cpus * fargateCpuHour + REPLICA.memoryGib * fargateGibHour;
  const { uploadsPerMonth, uploadsPerSecond, bytesPerSecond, writesPerSecond } = load;
  const gibPerMonth = (uploadsPerMonth * (bytesPerSecond / uploadsPerSecond)) / GIB;
  const writesPerMonth = uploadsPerMonth * (writesPerSecond / uploadsPerSecond);
  return {
    service: HOURS_A_MONTH * (load.replicas * replicaHour + loadBalancerHour) + gibPerMonth * loadBalancerGib,
    database:
      HOURS_A_MONTH * databases * database.cpus * databaseCpuHour +
      (load.databaseBytes / GIB) * PRICES_USD.databaseGibMonth,
    storage: storageUsd(load.storedBytes),
    requests: (writesPerMonth / 1000) * PRICES_USD.thousandWrites,
  };
}

function storageUsd(bytes: number): number {
  let usd = 0;
  let from = 0;
  for (const { upToBytes, usd: price } of PRICES_USD.storageGibMonth) {
    usd += (Math.max(0, Math.min(bytes, upToBytes) - from) / GIB) * price;
    from = upToBytes;
  }
  return usd;
}
