import { setTimeout as delay } from "node:timers/promises";
import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import { readProcessUsage } from "../machine/process-usage.ts";
import type { SluiceService } from "../stage/sluice-service.ts";
import { type CallLoad, quantile, startCallLoad } from "./call-load.ts";
import type { FilledDatabase } from "./filled-database.ts";
import { createSample, drawFilter, drawWords, type Sample } from "./sample.ts";

/** The settings by which the calls are made. */
export interface MetadataLoad {
  readonly rows: number;
  readonly seed: number;
  /** Reading calls a second; changing calls come at a third of this rate. */
  readonly ratePerSecond: number;
  readonly connections: number;
  /** Seconds for each figure, after a warm-up that does not count. */
  readonly seconds: number;
}

/** Number of the page that is asked for far into a list of pages of the default size. */
const FAR_PAGE = 10_000;
const PAGE_FILES = 100;
const SEARCH_PAGE_FILES = 50;
const PAGE_FILES_MAX = 1000;
/** The first pages of this many searches are checked for how full they are. */
const PAGES_CHECKED = 100;
/**
 * Most calls of a warm-up, which otherwise has as many calls as are measured. With fewer, the measurement would include code
 * that is still being compiled.
 */
const WARM_UP_MAX = 3000;
/** Calls of a warm-up that are under way at a time: calls of code that is not compiled yet must not pile up. */
const WARM_UP_IN_FLIGHT = 8;
const namespace = "default";
const { getFile, listFiles, searchFiles } = FileQueryService.method;
const { updateFile, deleteFile, undeleteFile } = FileCommandService.method;

/** Measures how long the calls to a service on a filled database take, one method after the other. */
export async function measureLatencies(
  service: SluiceService,
  database: FilledDatabase,
  load: MetadataLoad,
  report: (row: FigureRow) => void,
): Promise<FigureRow[]> {
  const calls = await startCallLoad(service.url, load.connections);
  const place: Place = { service, database, load, calls, sample: createSample(database.client, load) };
  const rows: FigureRow[] = [];
  try {
    for (const measureSome of [measureGet, measureLists, measureSearches, measureUpdates, measureDeletes]) {
      const found = await measureSome(place);
      found.forEach(report);
      rows.push(...found);
    }
    return rows;
  } finally {
    await calls.stop();
  }
}

interface Place {
  readonly service: SluiceService;
  readonly database: FilledDatabase;
  readonly load: MetadataLoad;
  readonly calls: CallLoad;
  readonly sample: Sample;
}

async function measureGet(place: Place): Promise<FigureRow[]> {
  const paths = await place.sample.paths(countOf(place, place.load.ratePerSecond));
  const requests = paths.map((path) => ({ namespace, path }));
  return [await measure(place, { name: "GetFile", method: getFile, requests, aimMs: 10 })];
}

async function measureLists(place: Place): Promise<FigureRow[]> {
  const count = countOf(place, place.load.ratePerSecond);
  const folders = (await place.sample.paths(count)).map((path) => path.split("/").slice(0, -1).join("/"));
  const first = folders.map((prefix) => ({ namespace, prefix }));
  const pageToken = await findFarToken(place);
  const far = first.map(() => ({ namespace, pageToken }));
  return [
    await measure(place, { name: "ListFiles, first page of a folder", method: listFiles, requests: first, aimMs: 15 }),
    await measure(place, {
      name: `ListFiles, page ${farPage(place)} of all`,
      method: listFiles,
      requests: far,
      aimMs: 15,
    }),
  ];
}

/** Goes to the far page by the largest pages: a page token holds no page size. */
async function findFarToken(place: Place): Promise<string> {
  let pageToken = "";
  for (let files = 0; files < (farPage(place) - 1) * PAGE_FILES; files += PAGE_FILES_MAX) {
    const page = await place.calls.ask(listFiles, { namespace, pageSize: PAGE_FILES_MAX, pageToken });
    pageToken = page.nextPageToken;
  }
  return pageToken;
}

/** The number of the far page; for a table with fewer pages, the page in its middle. */
function farPage({ load }: Place): number {
  return Math.min(FAR_PAGE, Math.ceil(load.rows / PAGE_FILES / 2));
}

async function measureSearches(place: Place): Promise<FigureRow[]> {
  const count = countOf(place, place.load.ratePerSecond);
  const draw = <T>(one: (sample: Sample) => T) => Array.from({ length: count }, () => one(place.sample));
  const byFilter = draw((sample) => ({ namespace, filter: drawFilter(sample) }));
  const byWords = draw((sample) => ({ namespace, query: drawWords(sample) }));
  const byLabel = { name: "SearchFiles, label + size + time", method: searchFiles, requests: byFilter, aimMs: 20 };
  const byText = { name: "SearchFiles, free text", method: searchFiles, requests: byWords, aimMs: 40 };
  const rows: FigureRow[] = [];
  for (const figure of [byLabel, byText]) {
    const row = await measure(place, figure);
    rows.push({ ...row, note: `${row.note}; ${await describePages(place, figure.requests)}` });
  }
  return rows;
}

/** Describes how full the pages are: a search may answer fewer files than asked for although others follow. */
async function describePages(
  { calls }: Place,
  requests: readonly MessageInitShape<typeof searchFiles.input>[],
): Promise<string> {
  let [files, whole] = [0, 0];
  const asked = requests.slice(0, PAGES_CHECKED);
  for (const request of asked) {
    const page = await calls.ask(searchFiles, request);
    files += page.files.length;
    if (page.files.length === SEARCH_PAGE_FILES || page.nextPageToken === "") whole++;
  }
  const mean = (files / asked.length).toFixed(0);
  return `of ${asked.length} first pages of ${SEARCH_PAGE_FILES}, the default, ${whole} were whole, with ${mean} files on average`;
}

async function measureUpdates(place: Place): Promise<FigureRow[]> {
  const ratePerSecond = place.load.ratePerSecond / 3;
  const requests = (await place.sample.paths(countOf(place, ratePerSecond))).map((path, index) => ({
    requestId: crypto.randomUUID(),
    file: { namespace, path, labels: { stage: `stage-${index % 4}` } },
    updateMask: { paths: ["labels.stage"] },
  }));
  return [await measure(place, { name: "UpdateFile", method: updateFile, requests, aimMs: 20, ratePerSecond })];
}

/** The files are restored afterwards, so that a database directory that is kept stays as it is. */
async function measureDeletes(place: Place): Promise<FigureRow[]> {
  const ratePerSecond = place.load.ratePerSecond / 3;
  const paths = await place.sample.paths(countOf(place, ratePerSecond));
  const requests = paths.map((path) => ({ requestId: crypto.randomUUID(), namespace, path }));
  const row = await measure(place, { name: "DeleteFile", method: deleteFile, requests, aimMs: 20, ratePerSecond });
  const undo = requests.map((request) => ({ ...request, requestId: crypto.randomUUID() }));
  const { failures } = await place.calls.run(undeleteFile, undo, { inFlight: 8 });
  if (failures.length > 0) throw new Error(`${failures.length} deleted files were not restored: ${failures[0]}`);
  return [row];
}

interface Measured<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly method: DescMethodUnary<I, O>;
  readonly requests: readonly MessageInitShape<I>[];
  readonly aimMs: number;
  readonly ratePerSecond?: number;
}

async function measure<I extends DescMessage, O extends DescMessage>(
  { service, load, calls, database }: Place,
  { name, method, requests, aimMs, ratePerSecond = load.ratePerSecond }: Measured<I, O>,
): Promise<FigureRow> {
  const warmUp = warmUpOf(load, ratePerSecond);
  await untilIdle(database);
  await calls.run(method, requests.slice(0, warmUp), { inFlight: WARM_UP_IN_FLIGHT });
  await database.client.query("SELECT pg_stat_statements_reset()");
  const cpuBefore = readProcessUsage(service.process.pid).cpuSeconds;
  const { latenciesMs, failures } = await calls.run(method, requests.slice(warmUp), { ratePerSecond });
  const cpuMs = ((readProcessUsage(service.process.pid).cpuSeconds - cpuBefore) / (requests.length - warmUp)) * 1000;
  const show = (part: number) => `${quantile(latenciesMs, part)?.toFixed(1) ?? "-"} ms`;
  const note = [
    `${latenciesMs.length} calls at ${ratePerSecond.toFixed(0)}/s, p50 ${show(0.5)}, p95 ${show(0.95)}, longest ${show(1)}`,
    await describeStatements(database, requests.length - warmUp),
    `in the service ${cpuMs.toFixed(2)} ms CPU a call`,
    ...(failures.length > 0 ? [`${failures.length} failed: ${failures[0]}`] : []),
  ].join("; ");
  const measured = failures.length > 0 ? undefined : quantile(latenciesMs, 0.99);
  return { name: `${name}, p99`, unit: "ms", measured, must: { atMost: 100 }, aim: { atMost: aimMs }, note };
}

/** Statements of callers that have given up continue for a while, and would slow the next measurement. */
async function untilIdle({ client }: FilledDatabase): Promise<void> {
  for (;;) {
    const { rowCount } = await client.query(`SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()`);
    if (rowCount === 0) return;
    await delay(100);
  }
}

/** The time that PostgreSQL took for the calls, without the time that they waited for a processor outside of it. */
async function describeStatements({ client }: FilledDatabase, calls: number): Promise<string> {
  const { rows } = await client.query<{ total: number | null; longest: number | null }>(`
    SELECT sum(total_exec_time + total_plan_time) AS total, max(max_exec_time) AS longest
    FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'`);
  const { total, longest } = rows[0]!;
  return `in PostgreSQL ${((total ?? 0) / calls).toFixed(2)} ms a call, longest statement ${(longest ?? 0).toFixed(1)} ms`;
}

function countOf({ load }: Place, ratePerSecond: number): number {
  return warmUpOf(load, ratePerSecond) + Math.ceil(load.seconds * ratePerSecond);
}

function warmUpOf({ seconds }: MetadataLoad, ratePerSecond: number): number {
  return Math.min(WARM_UP_MAX, Math.ceil(seconds * ratePerSecond));
}
