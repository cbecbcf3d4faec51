import { join } from "node:path";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import type { Grant } from "../../src/domain/access/grants.ts";
import { SERVICE_ACTOR } from "../../src/domain/deed.ts";
import { createNamespaceRepository } from "../../src/postgres/namespace-repository.ts";
import { createDatabasePool } from "../../src/postgres/pool/pool.ts";
import { stopAllProcesses } from "../child-process.ts";
import type { Stage } from "../contender.ts";
import { type CallLoad, type CallTimes, startCallLoad } from "../metadata/call-load.ts";
import { startFilledDatabase } from "../metadata/filled-database.ts";
import { createSample, drawFilter } from "../metadata/sample.ts";
import type { FigureRow } from "../sessions/figure-row.ts";
import { serviceToken, startSluice } from "../sluice-service.ts";
import { compareCalls, compareUploads } from "../turns.ts";
import { BENCH_ROLE, type IamStage, measureForgeries, startIamStage } from "./measure-iam.ts";
import { measureQuotas } from "./measure-quotas.ts";
import { startTokenIssuer } from "./token-issuer.ts";

/** How much is measured. */
export interface TrustRun {
  readonly rows: number;
  readonly calls: number;
  readonly rounds: number;
  readonly sizeBytes: number;
  /** Malformed IAM tokens, and as many forged ones. */
  readonly tokens: number;
}

/** Bytes of a chunk of the uploads. */
export const CHUNK_BYTES = 2 ** 20;
/** The paths below which the granted caller may read; some tenth of all files. */
const PREFIX = "teams/";
/** Calls that wait for an answer at any time. */
const IN_FLIGHT = 4;
const CONNECTIONS = 4;
const TOKEN_SECONDS = 86_400;
/** Pieces of a round in which callers of AWS and of an issuer take turns: their costs differ by less than the machine's moods. */
const ROLE_SLICES = 20;
const { getFile, listFiles, searchFiles } = FileQueryService.method;
const namespace = "default";

/**
 * Two callers take turns at one service. One has the static token; the other has a token of an issuer, and grants. The ratio of
 * each round is the granted caller's cost over the other's.
 */
export async function measureTrust(stage: Stage, run: TrustRun, report: (what: string) => void): Promise<FigureRow[]> {
  const database = await startFilledDatabase(join(stage.directory, "files"), run.rows, report);
  const issuer = await startTokenIssuer();
  const iam = await startIamStage();
  try {
    await setGrants(database.url, [
      ...["bench:anna", BENCH_ROLE].flatMap((principal): Grant[] => [
        { member: { principal }, prefixes: [], roles: ["writer"] },
        { member: { principal }, prefixes: [PREFIX], roles: ["reader"] },
      ]),
      { member: { group: "bench:staff" }, roles: ["reader"], prefixes: ["staff/"] },
    ]);
    const issuers = [{ alias: "bench", issuer: issuer.url, audiences: ["sluice"], groups_claim: "groups" }];
    const service = await startSluice(
      { ...stage, databaseUrl: async () => database.url },
      { settings: { SLUICE_AUTH: "dev,oidc,iam", SLUICE_OIDC_ISSUERS: JSON.stringify(issuers), ...iam.settings } },
    );
    const token = await issuer.sign({
      subject: "anna",
      groups: ["staff", "others"],
      lifetimeSeconds: TOKEN_SECONDS,
    });
    const [granted, plain] = [
      await startCallLoad(service.url, CONNECTIONS, token),
      await startCallLoad(service.url, CONNECTIONS),
    ];
    const { pid } = service.process;
    const sample = createSample(database.client, { rows: run.rows, seed: 1 });
    const paths = (await sample.paths(run.calls * 12)).filter((path) => path.startsWith(PREFIX)).slice(0, run.calls);
    const filters = paths.map(() => drawFilter(sample));
    const load = { pids: { one: pid, other: pid }, rounds: run.rounds, report };
    const byMethod = (name: string, make: (calls: CallLoad, isGranted: boolean) => Promise<CallTimes>) =>
      compareCalls(name, { one: () => make(granted, true), other: () => make(plain, false) }, load);
    const pace = { inFlight: IN_FLIGHT };
    const gets = paths.map((path) => ({ namespace, path }));
    const get = await byMethod("GetFile", (calls) => calls.run(getFile, gets, pace));
    const list = await byMethod("ListFiles", (calls, isGranted) =>
      calls.run(listFiles, toLists(paths.length, isGranted), pace),
    );
    const search = await byMethod("SearchFiles", (calls, isGranted) =>
      calls.run(
        searchFiles,
        filters.map((filter) => ({ namespace, filter: narrow(filter, isGranted) })),
        pace,
      ),
    );
    const quotas = await measureQuotas(database.url, { rounds: run.rounds, report });
    const roles = await measureRoles(iam, { url: service.url, pid, token, gets }, { ...run, report });
    const callers = { one: { url: service.url, pid, token }, other: { url: service.url, pid, token: serviceToken } };
    const uploads = await compareUploads(stage, callers, { ...run, report });
    return [
      { name: "GetFile, token of an issuer and grants ÷ static token, p50", ...get.p50, must: { atMost: 1.25 } },
      { name: "GetFile, the same, CPU", ...get.cpu, must: { atMost: 1.25 } },
      { name: "ListFiles, prefix grant ÷ the same prefix, p50", ...list.p50, must: { atMost: 1.25 } },
      { name: "SearchFiles, prefix grant ÷ the same prefix, p50", ...search.p50, must: { atMost: 1.25 } },
      ...roles,
      { name: "upload CPU per GiB, token of an issuer and grants ÷ static token", ...uploads, must: { atMost: 1.05 } },
      ...quotas,
    ];
  } finally {
    await stopAllProcesses();
    issuer.close();
    await iam.sts.close();
    await database.stop();
  }
}

/** Callers of AWS beside callers of an issuer, both known; and then those whose tokens nobody signed. */
async function measureRoles(
  iam: IamStage,
  { url, pid, token, gets }: { url: string; pid: number; token: string; gets: { namespace: string; path: string }[] },
  { rounds, tokens, report }: TrustRun & { report: (what: string) => void },
): Promise<FigureRow[]> {
  const role = await startCallLoad(url, CONNECTIONS, await iam.sign());
  // A process that has just started is slower: both callers' begin anew, and make a round of calls that does not count.
  const issued = await startCallLoad(url, CONNECTIONS, token);
  for (const calls of [role, issued]) await calls.run(getFile, gets, { inFlight: IN_FLIGHT });
  const slice = gets.slice(0, Math.max(10, Math.ceil(gets.length / ROLE_SLICES)));
  const run = (calls: CallLoad) => () => calls.run(getFile, slice, { inFlight: IN_FLIGHT });
  const pair = { one: run(role), other: run(issued) };
  const ratio = await compareCalls("GetFile by a role", pair, {
    pids: { one: pid, other: pid },
    rounds: rounds * ROLE_SLICES,
    report,
  });
  await Promise.all([role.stop(), issued.stop()]);
  const [{ path } = { path: "" }] = gets;
  return [
    { name: "GetFile, known IAM identity ÷ token of an issuer, p50", ...ratio.p50, must: { atMost: 1.05 } },
    ...(await measureForgeries(iam, { url, path, tokens, report })),
  ];
}

/** A caller without a grant asks for the prefix that the other has a grant of. */
function narrow(filter: string, isGranted: boolean): string {
  return isGranted ? filter : `path = "${PREFIX}*" AND ${filter}`;
}

function toLists(count: number, isGranted: boolean) {
  const request = { namespace, prefix: isGranted ? "" : PREFIX, pageSize: 100 };
  return Array.from({ length: Math.ceil(count / 10) }, () => request);
}

async function setGrants(url: string, grants: readonly Grant[]): Promise<void> {
  const pool = await createDatabasePool("bench", { url });
  try {
    await createNamespaceRepository(pool).setGrants(namespace, grants, { actor: SERVICE_ACTOR });
  } finally {
    await pool.end();
  }
}
