import type { Dialect, Where } from "./dialect.ts";

/** The share of calls that may go wrong: 99.9 % are to succeed, and 99.9 % of those that ask for metadata are to be fast. */
export const ERROR_BUDGET = 0.001;

/** A call that asks for metadata is fast within this many seconds, a boundary of the histogram. */
export const FAST_SECONDS = 0.25;

type CallWhere = Where<"rpc.server.call.duration">;

/** Health checks and reflection are not what callers come for, and load balancers send thousands of them. */
export const CALLS: CallWhere = { "rpc.method": '!~"grpc[.].*"' };

/**
 * Calls that failed by a fault of the service, or of what it needs. Callers of a replica that stops go on at another one, as clients
 * do by themselves, and whoever asks too early or twice at once is told to wait: none of these is a failure of the service.
 * `RESOURCE_EXHAUSTED` is no failure either, and has an alarm of its own.
 */
const FAILED: CallWhere = {
  ...CALLS,
  "rpc.status_code": '=~"INTERNAL|UNAVAILABLE|DATA_LOSS"',
  "error.type": '!~"SHUTTING_DOWN|CONTENDED|AUDIT_ENTRY_UNPUBLISHED"',
};

/** Methods that read or change metadata alone, and neither wait for bytes nor ask S3. */
export const METADATA_METHODS = {
  FileQueryService: ["GetFile", "ListFiles", "SearchFiles", "ListGenerations", "ListLinks"],
  FileCommandService: ["UpdateFile", "DeleteFile", "UndeleteFile", "MoveFile"],
  NamespaceService: ["GetNamespace", "ListNamespaces"],
} as const;

/** Calls of these methods that went well: how fast a failure comes says nothing. */
const METADATA_CALLS: CallWhere = {
  "rpc.method": `=~"${Object.entries(METADATA_METHODS)
    .map(([service, methods]) => `sluice[.]v1[.]${service}/(${methods.join("|")})`)
    .join("|")}"`,
  "rpc.status_code": '="OK"',
};

/** The share of calls that the service failed. */
export function failedShare(q: Dialect, window: string): string {
  const failed = q.rate("rpc.server.call.duration", { where: FAILED, window });
  return `${failed} / ${q.rate("rpc.server.call.duration", { where: CALLS, window })}`;
}

/** The share of calls for metadata that were slow. */
export function slowShare(q: Dialect, window: string): string {
  const fast = q.shareWithin("rpc.server.call.duration", { where: METADATA_CALLS, bound: FAST_SECONDS, window });
  return `1 - ${fast}`;
}

/**
 * One way of spending the budget of 30 days too fast, by the Site Reliability Workbook's chapter 5, table 5-8
 * (https://sre.google/workbook/alerting-on-slos/). The short window ends the alarm soon after the trouble.
 */
export interface BurnRate {
  /** How many times faster than in 30 days. */
  factor: number;
  window: string;
  shortWindow: string;
  severity: "page" | "ticket";
}

/** The three rates that have alarms. */
export const BURN_RATES = {
  /** 2 % of the budget in an hour. */
  fast: { factor: 14.4, window: "1h", shortWindow: "5m", severity: "page" },
  /** 5 % in six hours. */
  steady: { factor: 6, window: "6h", shortWindow: "30m", severity: "page" },
  /** 10 % in three days. */
  slow: { factor: 1, window: "3d", shortWindow: "6h", severity: "ticket" },
} as const satisfies Record<string, BurnRate>;

/** True where a share of bad calls burns the budget at that rate, in both windows. */
export function burns(q: Dialect, share: typeof failedShare, { factor, window, shortWindow }: BurnRate): string {
  // JavaScript's product is 0.014400000000000001.
  const bound = Number((factor * ERROR_BUDGET).toPrecision(6));
  return `${share(q, window)} > ${bound} and ${share(q, shortWindow)} > ${bound}`;
}
