/**
 * The files of the benchmark, as SQL. Each column is a function of the row's number `i` alone (hashes of it). So the paths are
 * known without a query, and every run has the same ones. Names are drawn so that some are common and most are rare; sizes are
 * log-normal; times are spread over two years; every 25th row is superseded by the row after it, and every 31st is deleted.
 */
export const fileRows = {
  /** Selects `columns` of the rows from number $1 to below $2, as `f`. */
  select: (columns: string) => `SELECT ${columns} FROM generate_series($1::bigint, $2::bigint - 1) i, ${drawn}`,
  /** Selects $3 rows of random numbers from $1 to below $2. The draw follows from setseed. */
  selectRandom: (columns: string) =>
    `SELECT ${columns} FROM (
      SELECT $1::bigint + floor(random() * ($2::bigint - $1::bigint))::bigint AS i FROM generate_series(1, $3::integer)
    ) numbers, ${drawn}`,
  isLive: "i % 25 <> 0 AND i % 31 <> 5",
} as const;

/** The number of values of the label `team`, and the number of customers. */
export const TEAMS = 100;
const CUSTOMERS = 10_000;

/** The words of names and titles; the first ones are drawn most often. */
export const WORDS = (
  "report invoice photo scan contract draft backup export meeting notes budget plan design summary review letter " +
  "ticket payroll survey manual schedule roadmap minutes statement receipt policy audit proposal agenda catalog " +
  "drawing blueprint recording interview transcript lecture chapter paper poster diagram inventory shipment customs " +
  "tariff ledger forecast estimate quote order delivery return warranty claim incident outage metrics dashboard " +
  "snapshot archive migration release build artifact coverage benchmark profile trace"
).split(" ");

const EXTENSIONS = ["pdf", "jpg", "png", "docx", "csv", "mp4", "zip", "txt", "json", "parquet"];
const TYPES = [
  ...["application/pdf", "image/jpeg", "image/png", "application/msword", "text/csv"],
  ...["video/mp4", "application/zip", "text/plain", "application/json", "application/vnd.apache.parquet"],
];
const TOPS = ["teams", "projects", "customers", "archive", "media", "finance", "legal", "research", "ops", "shared"];

const list = (words: readonly string[]) => `'{${words.join(",")}}'::text[]`;
/** A number from 0 to below 1 that follows from `of` and the seed. */
const unit = (seed: number, of = "i") => `((hashint8extended(${of}, ${seed}) & 1048575) / 1048576.0::float8)`;
const below = (count: number, seed: number, of = "i") => `floor(${count} * ${unit(seed, of)})::integer`;
const pick = (words: readonly string[], seed: number, of = "i") =>
  `(${list(words)})[1 + floor(${words.length} * ${unit(seed, of)} ^ 2)::integer]`;
/** The number of the file whose path the row has: a superseded generation has the path of the next row. */
const own = "(i + (i % 25 = 0)::integer)";

/** Columns that other columns are made of. They are in a subquery with OFFSET 0, so that each is computed once. */
const drawn = `LATERAL (SELECT
    concat_ws('/',
      CASE WHEN ${unit(1, own)} < 0.98 THEN ${pick(TOPS, 2, own)} END,
      CASE WHEN ${unit(1, own)} < 0.93 THEN 'group-' || lpad(${below(400, 3, own)}::text, 3, '0') END,
      CASE WHEN ${unit(1, own)} < 0.80 THEN (2024 + ${below(3, 4, own)})::text END,
      CASE WHEN ${unit(1, own)} < 0.55 THEN lpad((1 + ${below(12, 5, own)})::text, 2, '0') END,
      CASE WHEN ${unit(1, own)} < 0.20 THEN ${pick(WORDS, 6, own)} END,
      ${pick(WORDS, 7, own)} || '-' || ${pick(WORDS, 8, own)} || '-' || ${own} || '.' ||
        (${list(EXTENSIONS)})[1 + ${below(EXTENSIONS.length, 9, own)}]) AS path,
    'team-' || lpad(${below(TEAMS, 10)}::text, 2, '0') AS team,
    least(1e12, exp(11 + 2.2 * sqrt(-2 * ln(1 - ${unit(11)})) * cos(2 * pi() * ${unit(12)})))::bigint AS size_bytes,
    timestamptz '2024-11-01 00:00Z' + ${unit(13)} * interval '730 days' AS create_time
  OFFSET 0) f`;

/** The columns of `file` that are filled, each with the SQL of its value. */
export const fileColumnValues: Readonly<Record<string, string>> = {
  file_id: "md5(i::text)::uuid",
  namespace: "'default'",
  path: "f.path",
  generation: "1 + (i % 25 = 1)::integer",
  size_bytes: "f.size_bytes",
  crc32: "hashint8extended(i, 20) & 4294967295",
  content_type: `(${list(TYPES)})[1 + ${below(EXTENSIONS.length, 9, own)}]`,
  metadata: `jsonb_build_object('author', 'author-' || ${below(1000, 21)}, 'title', ${pick(WORDS, 22)} || ' ' || ${pick(WORDS, 23)})`,
  labels: `jsonb_build_object('team', f.team) ||
    CASE WHEN ${unit(24)} < 0.3 THEN jsonb_build_object('customer', 'c' || ${below(CUSTOMERS, 25)}) ELSE '{}' END`,
  data_subject: `CASE WHEN ${unit(26)} < 0.01 THEN 'person-' || ${below(100_000, 27)} ELSE '' END`,
  bucket: "'bench'",
  region: "'us-east-1'",
  s3_key: "'f/' || i",
  s3_version_id: "''",
  etag: "md5(i::text)",
  principal: "'dev'",
  create_time: "f.create_time",
  update_time: `f.create_time + ${unit(28)} * interval '30 days'`,
  supersede_time: "CASE WHEN i % 25 = 0 THEN f.create_time + interval '31 days' END",
  delete_time: "CASE WHEN i % 25 <> 0 AND i % 31 = 5 THEN f.create_time + interval '31 days' END",
  // This time is far off, so that no job of the service purges the rows while they are measured.
  purge_time: "CASE WHEN i % 25 = 0 OR i % 31 = 5 THEN timestamptz '2199-01-01 00:00Z' END",
};
