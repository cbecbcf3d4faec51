import { type Duration, durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import type { Namespace, UsedBytes } from "../../../gen/sluice/v1/namespace_service_pb.ts";
import { fromAuditPolicy, type NamespaceLimits } from "../../client/calls/namespace-calls.ts";
import { type ServiceOptions, withClient } from "../login/client-environment.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { formatBytes } from "../terminal/human-units.ts";
import { printJson, printLine, type Terminal } from "../terminal/terminal.ts";

type Options = ServiceOptions & { json: boolean };

/** A quota as an option states it; "none" lifts it. */
type Quota = number | "none";

/** The limits as the options name them; times in milliseconds. */
interface LimitOptions {
  allowRegion?: string[];
  fileSizeMax?: number;
  retention?: number;
  retain?: number;
  downloadUrlMax?: number;
  partUrlMax?: number;
  linkMax?: number;
  audit?: "best-effort" | "required";
  quotaRequests?: Quota;
  quotaDay?: Quota;
  quotaStorage?: Quota;
  principalQuotaRequests?: Quota;
  principalQuotaDay?: Quota;
  principalQuotaStorage?: Quota;
}

/** `sluice namespaces list`: prints each namespace as a line, or with `json` as an object. */
export async function runListNamespaces(terminal: Terminal, options: Options): Promise<void> {
  await withClient(terminal, options, async (client) => {
    for await (const namespace of client.allNamespaces({ signal: terminal.signal })) {
      const { name, bucket, region, keyPrefix = "" } = namespace;
      if (options.json) printJson(terminal, toJson(namespace));
      else printLine(terminal, `${name.padEnd(20)}  ${region.padEnd(14)}  ${bucket}/${keyPrefix}`);
    }
  });
}

/** `sluice namespaces get <namespace>` */
export async function runGetNamespace(terminal: Terminal, name: string, options: Options): Promise<void> {
  await withClient(terminal, options, async (client) => {
    print(terminal, options, await client.getNamespace(name, { signal: terminal.signal }));
  });
}

/** `sluice namespaces create <namespace>`: prints the namespace with all its limits. */
export async function runCreateNamespace(
  terminal: Terminal,
  name: string,
  options: Options & LimitOptions & { bucket: string; region: string; keyPrefix?: string },
): Promise<void> {
  const { bucket, region, keyPrefix } = options;
  const wanted = { name, bucket, region, ...(keyPrefix !== undefined && { keyPrefix }), ...toLimits(options) };
  await withClient(terminal, options, async (client) => {
    print(terminal, options, await client.createNamespace(wanted, { signal: terminal.signal }));
  });
}

/** `sluice namespaces update <namespace>`: changes the limits that are given. */
export async function runUpdateNamespace(
  terminal: Terminal,
  name: string,
  options: Options & LimitOptions & { etag?: string },
): Promise<void> {
  const limits = toLimits(options);
  if (Object.keys(limits).length === 0)
    throw new UsageError("nothing is to be changed; give a limit, as --retention 30d");
  await withClient(terminal, options, async (client) => {
    const call = { signal: terminal.signal, ...(options.etag !== undefined && { etag: options.etag }) };
    print(terminal, options, await client.updateNamespace(name, limits, call));
  });
}

/** `sluice namespaces delete <namespace>` */
export async function runDeleteNamespace(
  terminal: Terminal,
  name: string,
  options: Options & { etag?: string },
): Promise<void> {
  await withClient(terminal, options, async (client) => {
    const { json, etag } = options;
    await client.deleteNamespace(name, { signal: terminal.signal, ...(etag !== undefined && { etag }) });
    if (json) printJson(terminal, { name, deleted: true });
    else printLine(terminal, `deleted namespace ${name}; its name is not used again`);
  });
}

/** `sluice namespaces usage <namespace>` */
export async function runUsage(
  terminal: Terminal,
  name: string,
  options: Options & { principal?: string },
): Promise<void> {
  const { principal } = options;
  await withClient(terminal, options, async (client) => {
    const call = { signal: terminal.signal, ...(principal !== undefined && { principal }) };
    const usage = await client.getUsage(name, call);
    const [liveFiles, liveBytes] = [Number(usage.liveFiles), Number(usage.liveBytes)];
    const [keptGenerations, keptBytes] = [Number(usage.keptGenerations), Number(usage.keptBytes)];
    const unfinishedUploads = Number(usage.unfinishedUploads);
    const used = toUsed(usage.used);
    const usedByPrincipal = principal === undefined ? undefined : toUsed(usage.usedByPrincipal);
    if (options.json) {
      const kept = { liveFiles, liveBytes, keptGenerations, keptBytes, unfinishedUploads };
      const dayEndTime = usage.dayEndTime && timestampDate(usage.dayEndTime).toISOString();
      printJson(terminal, { namespace: name, ...kept, used, ...(usedByPrincipal && { usedByPrincipal }), dayEndTime });
      return;
    }
    printLine(terminal, `${liveFiles} files, ${formatBytes(liveBytes)}`);
    printLine(
      terminal,
      `${keptGenerations} deleted or superseded generations that are not purged, ${formatBytes(keptBytes)}`,
    );
    printLine(terminal, `${unfinishedUploads} unfinished uploads`);
    printLine(terminal, `${formatBytes(used.dayBytes)} uploaded since midnight (UTC)`);
    if (usedByPrincipal === undefined) return;
    const { storedBytes, dayBytes } = usedByPrincipal;
    printLine(terminal, `${principal}: ${formatBytes(storedBytes)} kept, ${formatBytes(dayBytes)} since midnight`);
  });
}

function toUsed(used: UsedBytes | undefined): { storedBytes: number; dayBytes: number } {
  return { storedBytes: Number(used?.storedBytes ?? 0), dayBytes: Number(used?.dayBytes ?? 0) };
}

function toLimits(options: LimitOptions): NamespaceLimits {
  const limits = {
    allowedRegions: options.allowRegion,
    fileSizeMaxBytes: options.fileSizeMax,
    retentionMs: options.retention,
    retainDefaultMs: options.retain,
    downloadUrlLifetimeMaxMs: options.downloadUrlMax,
    partUrlLifetimeMaxMs: options.partUrlMax,
    linkLifetimeMaxMs: options.linkMax,
    audit: options.audit,
    requestsPerSecondMax: toQuota(options.quotaRequests),
    bytesPerDayMax: toQuota(options.quotaDay),
    storedBytesMax: toQuota(options.quotaStorage),
    principalRequestsPerSecondMax: toQuota(options.principalQuotaRequests),
    principalBytesPerDayMax: toQuota(options.principalQuotaDay),
    principalStoredBytesMax: toQuota(options.principalQuotaStorage),
  };
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

function toQuota(quota: Quota | undefined): number | null | undefined {
  return quota === "none" ? null : quota;
}

function print(terminal: Terminal, { json }: { json: boolean }, namespace: Namespace): void {
  const values = toJson(namespace);
  if (json) printJson(terminal, values);
  else for (const [name, value] of Object.entries(values)) printLine(terminal, `${name}: ${String(value)}`);
}

function toJson(namespace: Namespace): Record<string, unknown> {
  const { name, bucket, region, keyPrefix = "", allowedRegions, fileSizeMaxBytes, etag } = namespace;
  const { createTime, updateTime } = namespace;
  return {
    name,
    bucket,
    region,
    keyPrefix,
    allowedRegions,
    fileSizeMaxBytes: Number(fileSizeMaxBytes),
    retentionSeconds: toSeconds(namespace.retention),
    retainDefaultSeconds: toSeconds(namespace.retainDefault),
    downloadUrlLifetimeMaxSeconds: toSeconds(namespace.downloadUrlLifetimeMax),
    partUrlLifetimeMaxSeconds: toSeconds(namespace.partUrlLifetimeMax),
    linkLifetimeMaxSeconds: toSeconds(namespace.linkLifetimeMax),
    audit: fromAuditPolicy(namespace),
    ...toQuotas(namespace),
    etag,
    ...(createTime && { createTime: timestampDate(createTime).toISOString() }),
    ...(updateTime && { updateTime: timestampDate(updateTime).toISOString() }),
  };
}

/** The quotas that there are. */
function toQuotas(namespace: Namespace): Record<string, number> {
  const { requestsPerSecondMax, bytesPerDayMax, storedBytesMax } = namespace;
  const { principalRequestsPerSecondMax, principalBytesPerDayMax, principalStoredBytesMax } = namespace;
  const quotas = {
    ...{ requestsPerSecondMax, bytesPerDayMax, storedBytesMax },
    ...{ principalRequestsPerSecondMax, principalBytesPerDayMax, principalStoredBytesMax },
  };
  const given = Object.entries(quotas).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, Number(value)]));
}

function toSeconds(duration: Duration | undefined): number {
  return duration === undefined ? 0 : durationMs(duration) / 1000;
}
