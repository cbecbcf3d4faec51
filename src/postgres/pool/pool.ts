import {
  createPool,
  type DatabasePool,
  type Interceptor,
  type QueryResultRow,
  SchemaValidationError,
  sql,
} from "slonik";
import { z } from "zod";
import { DomainError } from "../../domain/errors.ts";
import { observeMetric } from "../../telemetry/metrics.ts";
import { type DatabaseTls, toTlsOptions } from "./database-tls.ts";
import { atBorder, databaseUnavailable, databaseUnsecured, toDomainError } from "./errors.ts";
import { observeQueries } from "./observe-queries.ts";
import { forgetStatementNames, toDatabaseWay } from "./pooler.ts";
import { createRdsPassword } from "./rds-password.ts";
import { createReadPool, type ReadPool } from "./read-pool.ts";
import { ServerGate } from "./server-gate.ts";
import { hearClientErrors } from "./unheard-errors.ts";
import { keepRowsYoung } from "./young-rows.ts";

/** Limits of one pool. */
export interface PoolLimits {
  /** Connections at most; PostgreSQL's own limit divided by pools, workers and replicas. */
  connectionsMax: number;
  connectTimeoutMs: number;
  /** Longest statement; the server cancels it. Behind a pooler the server's own settings for the role decide. */
  statementTimeoutMs: number;
  /** An idle connection is closed after this. */
  idleTimeoutMs: number;
}

/** Limits that suit a worker of the service: short statements, many callers. */
export const POOL_LIMITS_DEFAULT: PoolLimits = {
  connectionsMax: 10,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
};

/** Connections of a worker for visitors of links: they need no token, and must not make callers wait who have one. */
export const LINK_CONNECTIONS_MAX = 2;

/**
 * For batches of the journal, which callers may wait for. The server ends a statement before the service gives it up
 * (JOURNAL_DEADLINE_MS): a batch that is written again must not have been written before. One batch is written at a time; the second
 * connection is for the time in which a broken one ends.
 */
const JOURNAL_LIMITS = { connectionsMax: 2, statementTimeoutMs: 4000 };

/** How long a server may take to answer the question whether it does, in milliseconds; two such questions fit into five seconds. */
const CHECK_ANSWER_MAX_MS = 1000;
/** For these questions alone: they are not to wait behind statements, nor for a connection that does not come. */
const CHECK_LIMITS = {
  connectionsMax: 1,
  connectTimeoutMs: CHECK_ANSWER_MAX_MS,
  statementTimeoutMs: CHECK_ANSWER_MAX_MS,
};

/** Connections of a worker to the primary at most, where no replica takes its queries. */
export const PRIMARY_CONNECTIONS_MAX =
  2 * POOL_LIMITS_DEFAULT.connectionsMax +
  LINK_CONNECTIONS_MAX +
  JOURNAL_LIMITS.connectionsMax +
  CHECK_LIMITS.connectionsMax;

/** How the database is reached. */
export interface PoolOptions {
  /** postgres://user@host:port/database, without `sslmode`: `tls` says it. `pooler=transaction` says that a pooler is in front. */
  url: string;
  tls?: DatabaseTls | undefined;
  /** Region of RDS, which then issues a token for each new connection; the URL's password is used when left out. */
  iamRegion?: string | undefined;
  limits?: Partial<PoolLimits>;
  /** Keeps statements from the server while it does not answer; nothing does when left out. */
  gate?: ServerGate;
}

/** Statements are tried at most this often when they are rolled back by a deadlock or serialization failure. */
const ROLLBACK_RETRIES_MAX = 5;
const CONNECT_ATTEMPTS_MAX = 2;
/** A fresh connection now and then follows a changed DNS answer and gives memory back. */
const CONNECTION_AGE_MAX_MS = 30 * 60 * 1_000;
const END_TIMEOUT_MS = 5_000;

/**
 * Opens a pool of connections. Rows are validated by the schema of their statement. Rejects with
 * `unavailable / DATABASE_UNAVAILABLE` when the database cannot be reached now. End it with `pool.end()`.
 */
export async function createDatabasePool(name: string, options: PoolOptions): Promise<DatabasePool> {
  const { iamRegion } = options;
  const { url, isPooled } = toDatabaseWay(options.url);
  const limits = { ...POOL_LIMITS_DEFAULT, ...options.limits };
  keepRowsYoung();
  hearClientErrors();
  try {
    const pool = await createPool(url, {
      poolName: name,
      ...(iamRegion !== undefined && { password: createRdsPassword({ url, region: iamRegion }) }),
      ...(options.tls !== undefined && { ssl: toTlsOptions(options.tls) }),
      interceptors: [
        rowValidation,
        observeQueries(name),
        ...(isPooled ? [forgetStatementNames] : []),
        ...(options.gate === undefined ? [] : [options.gate.interceptor]),
      ],
      maxPoolSize: limits.connectionsMax,
      minPoolSize: 0,
      connectionTimeout: limits.connectTimeoutMs,
      connectionRetryLimit: CONNECT_ATTEMPTS_MAX,
      // Parameters of a session, which a pooler refuses.
      statementTimeout: isPooled ? "DISABLE_TIMEOUT" : limits.statementTimeoutMs,
      idleInTransactionSessionTimeout: isPooled ? "DISABLE_TIMEOUT" : limits.statementTimeoutMs,
      idleTimeout: limits.idleTimeoutMs,
      maximumConnectionAge: CONNECTION_AGE_MAX_MS,
      gracefulTerminationTimeout: END_TIMEOUT_MS,
      queryRetryLimit: ROLLBACK_RETRIES_MAX,
      transactionRetryLimit: ROLLBACK_RETRIES_MAX,
      // No session state is ever set, so there is nothing to discard between two statements.
      resetConnection: async () => {},
      // Sizes and generations stay below 2^53: the schemas check it.
      typeParsers: [{ name: "int8", parse: Number }],
    });
    // Every statement's error reaches its caller; without a listener slonik's emitter would throw it a second time.
    pool.on("error", () => undefined);
    observePool(name, pool);
    return pool;
  } catch (error) {
    const translated = toDomainError(error);
    if (translated instanceof DomainError) throw translated;
    // The pool connects once before it exists, with pg alone, which reports a timeout, and a server without TLS, by a plain Error.
    throw options.tls === undefined ? databaseUnavailable(error) : databaseUnsecured(error);
  }
}

/** Tells how many connections a pool has, and how many statements wait for one. */
function observePool(name: string, pool: DatabasePool): void {
  const labels = { "db.client.connection.pool.name": name };
  observeMetric("db.client.connection.count", () => {
    const { acquiredConnections, idleConnections } = pool.state();
    return [
      [acquiredConnections, { ...labels, "db.client.connection.state": "used" }],
      [idleConnections, { ...labels, "db.client.connection.state": "idle" }],
    ];
  });
  observeMetric("db.client.connection.pending_requests", () => [[pool.state().waitingClients, labels]]);
}

/** Slonik checks rows only if told how: https://github.com/gajus/slonik#result-parser-interceptor */
const rowValidation: Interceptor = {
  name: "row-validation",
  transformRow: ({ resultParser }, query, row) => {
    if (resultParser === undefined) return row;
    const result = resultParser["~standard"].validate(row);
    if (result instanceof Promise) throw new TypeError("row schemas must be synchronous");
    if (result.issues !== undefined) {
      throw new SchemaValidationError(query, row as never, [...result.issues]);
    }
    return result.value as QueryResultRow;
  },
};

/** Commands and queries apart: queries may go to a read replica, and cannot starve commands of connections. */
export interface DatabasePools {
  commands: DatabasePool;
  /** The primary, for uses of links: LINK_CONNECTIONS_MAX connections. */
  links: DatabasePool;
  /** The primary, for batches of the journal. */
  journal: DatabasePool;
  /** The primary, by connections of its own. */
  queries: DatabasePool;
  /** The replica where there is one, and the primary when the replica is away or behind. */
  read: ReadPool;
  /**
   * Resolves when the primary answers; rejects with `unavailable / DATABASE_UNAVAILABLE` after a second. From two rejections in a
   * row on, until the primary answers again, it gets one question at a time, and statements are refused when that fails.
   */
  check(): Promise<void>;
  end(): Promise<void>;
}

/** The time by the database's clock, which judges leases, expiries and links. */
export async function readDatabaseClock(pool: DatabasePool): Promise<Date> {
  const { now } = await pool.one(sql.type(clockRow)`SELECT clock_timestamp() AS now`);
  return now;
}

const clockRow = z.object({ now: z.date() });

/** Asks a server over a connection of its own whether it answers, and keeps statements from it while it does not. */
class ServerChecks {
  readonly gate: ServerGate;
  readonly #open: () => Promise<DatabasePool>;
  #pool: Promise<DatabasePool> | undefined;

  constructor(name: string, options: PoolOptions) {
    this.#open = () => createDatabasePool(name, { ...options, limits: { ...options.limits, ...CHECK_LIMITS } });
    const { ask } = atBorder({ ask: () => this.#ask() }, { deadlineMs: CHECK_ANSWER_MAX_MS });
    this.gate = new ServerGate(ask);
  }

  async end(): Promise<void> {
    await this.#pool?.then((pool) => pool.end()).catch(() => {});
  }

  async #ask(): Promise<void> {
    this.#pool ??= this.#open().catch((error) => {
      // The next question opens another one.
      this.#pool = undefined;
      throw error;
    });
    await (await this.#pool).query(sql.unsafe`SELECT 1`);
  }
}

/** Opens the pools; `replica` absent means the same server. A replica that is away keeps nobody from starting. */
export async function createDatabasePools(
  options: Omit<PoolOptions, "gate"> & {
    replica?: Pick<PoolOptions, "url" | "tls" | "iamRegion"> | undefined;
    /** Hears when the replica fails, and when it answers again. */
    onReplicaChange?: ((isUsable: boolean, error?: unknown) => void) | undefined;
  },
): Promise<DatabasePools> {
  const checks = new ServerChecks("checks", options);
  const opened: DatabasePool[] = [];
  const open = async (name: string, limits: Partial<PoolLimits> = {}) => {
    const { gate } = checks;
    const pool = await createDatabasePool(name, { ...options, gate, limits: { ...options.limits, ...limits } });
    opened.push(pool);
    return pool;
  };
  const endOpened = async () => {
    await Promise.all([...opened.map((pool) => pool.end()), checks.end()]);
  };
  try {
    const commands = await open("commands");
    const links = await open("links", { connectionsMax: LINK_CONNECTIONS_MAX });
    const journal = await open("journal", JOURNAL_LIMITS);
    const queries = await open("queries");
    const reads = createReads(queries, options);
    return {
      ...{ commands, links, journal, queries, read: reads.read },
      check: async () => {
        await Promise.all([checks.gate.check(), reads.check()]);
      },
      end: async () => {
        await Promise.all([endOpened(), reads.end()]);
      },
    };
  } catch (error) {
    await endOpened();
    throw error;
  }
}

/** Reads go to the replica where there is one; its checks tell nobody, because the primary answers while it is away. */
function createReads(primary: DatabasePool, options: Parameters<typeof createDatabasePools>[0]) {
  const { replica, onReplicaChange: onChange } = options;
  if (replica === undefined) return { ...createReadPool({ primary }), check: async () => {} };
  const ofReplica = { ...options, ...replica };
  const checks = new ServerChecks("replica-checks", ofReplica);
  const openReplica = () => createDatabasePool("replica", ofReplica);
  const reads = createReadPool({ primary, openReplica, gate: checks.gate, onChange });
  return {
    read: reads.read,
    check: () => checks.gate.check().catch(() => {}),
    end: async () => {
      await Promise.all([reads.end(), checks.end()]);
    },
  };
}
