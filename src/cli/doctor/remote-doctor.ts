import { createRequire } from "node:module";
import { ALARMS, type AlarmName } from "../../alarms/alarms.ts";
import { findBreaches, isMetricsPage } from "../../alarms/metrics-page.ts";
import { FAST_SECONDS } from "../../alarms/objectives.ts";
import { runbookOf } from "../../alarms/runbook.ts";
import { readCa, readClientUrls, type ServiceOptions, withClient } from "../login/client-environment.ts";
import { openTokenSource } from "../login/token-source.ts";
import { toSentence } from "../terminal/exit-code.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { type Asking, askService, type ServiceAnswer } from "./ask-service.ts";
import { checkJobs } from "./check-jobs.ts";
import { type Finding, findErrorCode, printFindings, problem, warning, well } from "./finding.ts";

/** Clocks that are further apart, in milliseconds, make tokens and the times of logs wrong. An answer says its time to the second. */
const OFFSET_MAX_MS = 5000;
/** Calls that are timed; the first one opens the connection, and is left out. */
const TIMED_CALLS = 5;
const CALL_TIMEOUT_MS = 10_000;

const VERSION: string = createRequire(import.meta.url)("../../../package.json").version;

/** Options of `sluice doctor --remote`. */
export type RemoteDoctorOptions = ServiceOptions & { json: boolean; metrics?: string };

/**
 * `sluice doctor --remote`: asks a running service, at each of its addresses, what somebody who was woken up needs to know. It prints
 * a line for each check, and for what is wrong the section of the runbook. It changes nothing. Resolves to whether all is well.
 */
export async function runRemoteDoctor(terminal: Terminal, options: RemoteDoctorOptions): Promise<boolean> {
  const urls = readClientUrls(terminal.env, options);
  const token = await (await openTokenSource(terminal, urls, options))({ refused: undefined });
  const ca = options.ca === undefined ? undefined : readCa(options.ca);
  const asking = { ca, token, signal: terminal.signal };
  const findings: Finding[] = [];
  const answering: string[] = [];
  for (const url of urls) {
    const own = await examine(terminal, new URL(url), { ...options, asking });
    const where = urls.length > 1 ? `${new URL(url).host} ` : "";
    findings.push(...own.map((finding) => ({ ...finding, check: `${where}${finding.check}` })));
    if (own[0]?.isOk === true) answering.push(url);
  }
  // What the jobs do is in the database: each replica says the same.
  if (answering.length > 0)
    findings.push(...(await attempt("jobs", () => askJobs(terminal, { ...options, url: answering.join(",") }))));
  if (options.metrics !== undefined) findings.push(...(await checkMetrics(new URL(options.metrics), asking)));
  return printFindings(terminal, findings, options);
}

async function examine(
  terminal: Terminal,
  url: URL,
  { asking, ...options }: RemoteDoctorOptions & { asking: Asking },
): Promise<Finding[]> {
  const ask = (path: string, json?: object) => askService(new URL(path, url), asking, json);
  let live: ServiceAnswer;
  try {
    live = await ask("/livez");
  } catch (error) {
    const code = findErrorCode(error);
    return [wrong("service", `${url.origin} does not answer (${code})`, "no-replica-ready")];
  }
  if ((live.body as { status?: unknown } | null)?.status !== "live")
    return [wrong("service", `${url.origin} answers, but not as Sluice does`, "no-replica-ready")];
  return [
    well("service", `${url.origin} answers, in ${Math.round(live.tookMs)} ms`),
    ...checkClock(live),
    ...checkCertificate(live),
    ...(await attempt("readiness", async () => checkReadiness(await ask("/readyz")))),
    ...(await attempt("services", async () => checkServices(await ask("/grpc.health.v1.Health/List", {})))),
    ...(await attempt("version", async () => [checkVersion(await ask("/openapi.json"))])),
    ...(await attempt("calls", () => timeCalls(terminal, { ...options, url: url.href }))),
  ];
}

/** A check that fails in another way than it expects is a problem as well, and not the end of all others. */
async function attempt(check: string, examine: () => Promise<Finding[]>): Promise<Finding[]> {
  return await examine().catch((error) => [wrong(check, toSentence(error), "availability-fast-burn")]);
}

function checkClock({ date, tookMs }: ServiceAnswer): Finding[] {
  if (date === undefined) return [];
  const offsetMs = date.getTime() + 500 - (Date.now() - tookMs / 2);
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  if (Math.abs(offsetMs) <= OFFSET_MAX_MS) return [well("clock", `${seconds} s off that of the service`)];
  const message = `our clock is ${seconds} s ${offsetMs < 0 ? "ahead of" : "behind"} that of the service`;
  return [warning("clock", message, "set the clock that is wrong, for instance by NTP; tokens depend on it")];
}

function checkCertificate({ certificateEnd }: ServiceAnswer): Finding[] {
  if (certificateEnd === undefined) return [];
  const message = `the certificate ends at ${certificateEnd.toISOString()}`;
  const restSeconds = (certificateEnd.getTime() - Date.now()) / 1000;
  const { "certificate-ends": last, "certificate-ends-soon": soon } = ALARMS;
  if (restSeconds < last.condition.below) return [wrong("TLS", message, "certificate-ends")];
  return [restSeconds < soon.condition.below ? before("TLS", message, "certificate-ends-soon") : well("TLS", message)];
}

/** What `/readyz` answers; only callers with a token learn the reasons. */
interface ReadinessBody {
  status: string;
  problems?: { component: string; problem?: string }[];
}

function checkReadiness({ status, body }: ServiceAnswer): Finding[] {
  const { status: state, problems = [] } = body as ReadinessBody;
  if (problems.length === 0) return [well("readiness", state)];
  return problems.map(({ component, problem: reason }) => {
    const message = `${state}: ${component}${reason === undefined ? "; a token that the service takes shows why" : `: ${reason}`}`;
    return status === 200 ? before("readiness", message, "degraded") : wrong("readiness", message, "no-replica-ready");
  });
}

function checkServices({ status: httpStatus, body }: ServiceAnswer): Finding[] {
  if (httpStatus !== 200) return [wrong("services", `gRPC's health answers HTTP ${httpStatus}`, "no-replica-ready")];
  const { statuses } = body as { statuses: Record<string, { status?: string }> };
  const down = Object.entries(statuses).filter(([, { status }]) => status !== "SERVING");
  if (down.length === 0) return [well("services", `all ${Object.keys(statuses).length - 1} serve, by gRPC's health`)];
  const names = down.map(([name]) => name || "the replica");
  return [wrong("services", `by gRPC's health, these do not serve: ${names.join(", ")}`, "no-replica-ready")];
}

function checkVersion({ body }: ServiceAnswer): Finding {
  const { version } = (body as { info: { version: string } }).info;
  if (version === VERSION) return well("version", version);
  return warning(
    "version",
    `the service is ${version}, this command line ${VERSION}`,
    "use the command line of that version",
  );
}

/** Times calls for metadata as any caller makes them, over gRPC. */
async function timeCalls(terminal: Terminal, options: ServiceOptions): Promise<Finding[]> {
  const tookMs = await withClient(terminal, options, async (client) => {
    const signal = AbortSignal.any([terminal.signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
    const times: number[] = [];
    for (let call = 0; call <= TIMED_CALLS; call++) {
      const begun = performance.now();
      await client.allNamespaces({ signal }).next();
      times.push(performance.now() - begun);
    }
    return times.slice(1).sort((one, other) => one - other);
  });
  const [median = 0, longest = 0] = [tookMs[Math.floor(TIMED_CALLS / 2)], tookMs.at(-1)];
  const message = `ListNamespaces takes ${Math.round(median)} ms, at most ${Math.round(longest)} ms in ${TIMED_CALLS} calls`;
  return [median > FAST_SECONDS * 1000 ? before("calls", message, "latency-fast-burn") : well("calls", message)];
}

async function askJobs(terminal: Terminal, options: ServiceOptions): Promise<Finding[]> {
  return await withClient(terminal, options, async (client) => {
    const signal = AbortSignal.any([terminal.signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
    return await checkJobs(client.allJobs({ signal }), new Date());
  });
}

async function checkMetrics(url: URL, asking: Asking): Promise<Finding[]> {
  // The page knows no tokens, and may be another host's.
  const page = await askService(url, { ...asking, token: undefined }).catch(findErrorCode);
  if (typeof page === "string") return [wrong("metrics", `${url.href} does not answer (${page})`, "no-replica-ready")];
  if (typeof page.body !== "string" || !isMetricsPage(page.body)) {
    return [
      problem(
        "metrics",
        `${url.href} has no metrics of Sluice`,
        "name the page of SLUICE_METRICS_LISTEN, with /metrics",
      ),
    ];
  }
  const breaches = findBreaches(page.body).map(({ name, series, value }) => {
    const message = `${series} is ${value}; if it stays: ${ALARMS[name].says}`;
    return ALARMS[name].severity === "page" ? wrong("metrics", message, name) : before("metrics", message, name);
  });
  return breaches.length === 0 ? [well("metrics", "no gauge is beyond the bound of its alarm")] : breaches;
}

function wrong(check: string, message: string, alarm: AlarmName): Finding {
  return problem(check, message, runbookOf(alarm));
}

function before(check: string, message: string, alarm: AlarmName): Finding {
  return warning(check, message, runbookOf(alarm));
}
