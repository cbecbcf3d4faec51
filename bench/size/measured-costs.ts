/** What the work of a service and its database costs, as `npm run size -- --measure` finds it on a machine. */
export interface MeasuredCosts {
  /** CPU of the service for an upload of 1 KiB, in milliseconds. */
  readonly serviceCpuMsPerUpload: number;
  /** CPU of PostgreSQL for the same, with the numbering and indexing that follow. */
  readonly databaseCpuMsPerUpload: number;
  readonly transactionsPerUpload: number;
  readonly walBytesPerUpload: number;
  /** Growth of the database for a file without labels: its rows, indexes, and entries of the journal. */
  readonly databaseBytesPerFile: number;
  /** CPU for a GetFile, in milliseconds. */
  readonly serviceCpuMsPerRead: number;
  readonly databaseCpuMsPerRead: number;
  /** CPU of the service for a GiB of a large upload, with TLS 1.3 on both sides. */
  readonly serviceCpuSecondsPerGib: number;
}

/**
 * Costs on two processors with nothing beside them (2 x Intel Xeon, Node 26.10.0, PostgreSQL 15, 2026-11-30), of sixteen callers at once. Uploads
 * that come together share statements: one after the other, each takes two to three times as much. A processor is one thread of a core,
 * which is what Fargate and RDS call a vCPU.
 */
export const MEASURED_COSTS: MeasuredCosts = {
  serviceCpuMsPerUpload: 1.3,
  databaseCpuMsPerUpload: 1.9,
  transactionsPerUpload: 1.4,
  walBytesPerUpload: 13_900,
  databaseBytesPerFile: 4400,
  serviceCpuMsPerRead: 0.92,
  databaseCpuMsPerRead: 0.14,
  serviceCpuSecondsPerGib: 2.9,
};
