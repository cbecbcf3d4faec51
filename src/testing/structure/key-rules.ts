/** An index of the schema as the catalogue describes it. */
export interface SchemaIndex {
  table: string;
  name: string;
  /** The column or expression that the index begins with. */
  first: string;
}

/**
 * Selects the `SchemaIndex`es of the current schema; keys and unique constraints are indexes, too. Those of partitions are as those of
 * their tables.
 */
export const SELECT_SCHEMA_INDEXES = `
  SELECT t.relname AS table, i.relname AS name, pg_get_indexdef(x.indexrelid, 1, true) AS first
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
  WHERE t.relnamespace = current_schema()::regnamespace AND NOT i.relispartition
  ORDER BY t.relname, i.relname`;

const BY_UPLOAD = "a running upload is known by its UUID alone, in memory and in each of its statements";
const IN_STORAGE = "storage knows a bucket and a key, and asks whose they are";
const BY_TOKEN = "an upload token is known by its id alone, whose rows are counted in the statement of an upload";
const FOR_JOBS = "a job reads the oldest rows of all namespaces";
const WITHOUT_ORDER = "an inverted index has no first column: its entries are words or trigrams";
const BY_PARTITION = "the time of an entry, which a unique key of a partitioned table must have, finds its partition";
const BY_FLYWAY = "the table is Flyway's";

/** The indexes that do not begin with the namespace, each with its reason. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  namespace_pkey: "the name is the namespace",
  namespace_changed: "whoever follows namespaces reads the changes of all of them, from a number on",
  namespace_version_pkey: "the table has one row, which counts the changes of all namespaces",
  upload_pkey: BY_UPLOAD,
  part_pkey: BY_UPLOAD,
  writer_pkey: BY_UPLOAD,
  link_token_sha256_key: "whoever opens a link sends its token and nothing else",
  file_bucket_s3_key_namespace_key: IN_STORAGE,
  upload_bucket_s3_key_key: IN_STORAGE,
  upload_token_pkey: BY_TOKEN,
  upload_token_expire_time: FOR_JOBS,
  request_create_time: FOR_JOBS,
  link_expire_time: FOR_JOBS,
  operation_end_time: FOR_JOBS,
  job_lease_pkey: "a lease is of a job, and some jobs are of no namespace",
  journal_entry_pkey: BY_PARTITION,
  journal_personal_pkey: BY_PARTITION,
  journal_number_pkey: BY_PARTITION,
  journal_entry_xid: "the relay numbers the entries of all namespaces, by the transactions that it has not seen",
  journal_number_sequence: "whoever carries the journal on reads it whole, from a number on",
  journal_leaf_pkey: BY_PARTITION,
  journal_leaf_sequence: "the audit log is one for the service, and published in the order of the numbers",
  journal_log_pkey: "the audit log is one for the service",
  journal_look_pkey: "the looks of the relay are of all namespaces",
  journal_relay_pkey: "the table has one row, which the relay locks",
  journal_origin_pkey: "an origin is that of the numbers of all namespaces",
  journal_origin_birth_key: "the newest origin of all counts",
  journal_dropped_pkey: "months of the journal are dropped for all namespaces",
  journal_mark_pkey: "a mark stands for all commits before it",
  file_search_spans: WITHOUT_ORDER,
  file_path_trigrams: WITHOUT_ORDER,
  flyway_schema_history_pk: BY_FLYWAY,
  flyway_schema_history_s_idx: BY_FLYWAY,
};

/**
 * The namespace leads every key that can carry it, so that no statement of one namespace reads, locks or counts rows of
 * another. Returns a sentence for each index that does not begin with it, and for each exception that is none.
 */
export function findKeyBreaches(
  indexes: readonly SchemaIndex[],
  exceptions: Readonly<Record<string, string>> = EXCEPTIONS,
): string[] {
  const where = "EXCEPTIONS of src/testing/structure/key-rules.ts";
  const late = indexes.filter(({ name, first }) => first !== "namespace" && !Object.hasOwn(exceptions, name));
  const unneeded = Object.keys(exceptions).filter(
    (name) => !indexes.some((index) => index.name === name && index.first !== "namespace"),
  );
  return [
    ...late.map(
      ({ table, name, first }) =>
        `the index ${name} of table ${table} begins with ${first}: begin it with namespace, or name it with its reason in ${where}`,
    ),
    ...unneeded.map((name) => `no index ${name} begins with anything but namespace: take it out of ${where}`),
  ];
}
