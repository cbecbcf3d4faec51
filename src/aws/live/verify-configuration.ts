import type { Configuration } from "../generate-configuration.ts";
import { checkFacet, checkRegion, findElsewhere, findMissingBucket } from "./check-bucket.ts";
import { checkRoleFacet, findMissingRole } from "./check-role.ts";
import { type ExpectedBucket, type ExpectedRole, toExpectedSite } from "./expected-site.ts";
import { toCheckName } from "./facet-meanings.ts";
import { createFinding, type Finding } from "./finding.ts";
import {
  BUCKET_FACETS,
  type BucketFacet,
  type LiveAws,
  LiveAwsProblem,
  ROLE_FACETS,
  type RoleFacet,
} from "./live-facets.ts";
import type { Plain } from "./plain.ts";
import { inTurns } from "./turns.ts";

/** Requests at once: well below what S3 and IAM refuse as too many. */
const READINGS_AT_ONCE_MAX = 8;
/** Of the whole: what was not read by then is reported as unreadable. */
const TIME_MAX_MS = 120_000;

const ROLE_CHECKS: Readonly<Record<RoleFacet, string>> = {
  Role: "role",
  Policies: "inline policies",
  ManagedPolicyArns: "attached policies",
};

/** Either what was read, or what stood in the way. */
type Reading = { readonly value: Plain | undefined } | { readonly problem: LiveAwsProblem };

/**
 * Reads every bucket and role of the configuration and compares them with it: one finding for each check, in the order
 * of the template whatever answers first. What cannot be read is a finding as well; only without valid credentials does
 * it throw (`LiveAwsProblem` of the kind `credentials`), or the signal's reason once it is aborted.
 */
export async function verifyConfiguration(
  configuration: Configuration,
  liveAws: LiveAws,
  { signal }: { signal: AbortSignal },
): Promise<Finding[]> {
  const { buckets, roles } = toExpectedSite(configuration);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIME_MAX_MS)]);
  const turn = inTurns(READINGS_AT_ONCE_MAX);
  const stop = new AbortController();
  const read: Read = async (one) => await turn(() => tryReading(one, AbortSignal.any([limited, stop.signal])));
  const checks = [
    ...buckets.map((bucket) => verifyBucket(configuration, bucket, { liveAws, read })),
    ...roles.map((role) => verifyRole(configuration, role, { liveAws, read })),
  ];
  try {
    const findings = (await Promise.all(checks)).flat();
    signal.throwIfAborted();
    return findings;
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(checks);
    signal.throwIfAborted();
    throw error;
  }
}

type Read = (one: (signal: AbortSignal) => Promise<Plain | undefined>) => Promise<Reading>;

async function verifyBucket(
  { site }: Configuration,
  bucket: ExpectedBucket,
  { liveAws, read }: { liveAws: LiveAws; read: Read },
): Promise<Finding[]> {
  const { name } = bucket;
  const region = await read((signal) => liveAws.readBucket(name, "Region", { signal }));
  const first = "value" in region ? [checkRegion(site, name, String(region.value))] : [];
  if ("problem" in region) {
    const { kind, region: actual } = region.problem;
    if (kind === "missing") return [findMissingBucket(bucket)];
    if (kind === "elsewhere") return [findElsewhere(site, name, actual)];
    first.push(toUnread({ check: toCheckName("Region"), resource: `bucket ${name}` }, region.problem));
    // Nothing answers: every other reading would only wait for the same.
    if (kind === "failed") return first;
  }
  const facets = (Object.keys(BUCKET_FACETS) as BucketFacet[]).filter((facet) => facet !== "Region");
  const others = facets.map(async (facet) => {
    const reading = await read((signal) => liveAws.readBucket(name, facet, { signal }));
    if ("value" in reading) return checkFacet(site, bucket, { facet, reading: reading.value });
    return [toUnread({ check: toCheckName(facet), resource: `bucket ${name}` }, reading.problem)];
  });
  const unread = bucket.unread.map((property) =>
    createFinding({ check: property, resource: `bucket ${name}` }, "unsupported", {
      meaning: "verify does not read it",
      mend: "compare it with the template by other means",
    }),
  );
  return [...first, ...(await Promise.all(others)).flat(), ...unread];
}

async function verifyRole(
  { site }: Configuration,
  role: ExpectedRole,
  { liveAws, read }: { liveAws: LiveAws; read: Read },
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const facet of Object.keys(ROLE_FACETS) as RoleFacet[]) {
    const reading = await read((signal) => liveAws.readRole(role.name, facet, { signal }));
    if ("value" in reading) {
      findings.push(...checkRoleFacet(site, role, { facet, reading: reading.value }));
      continue;
    }
    const { kind } = reading.problem;
    if (kind === "missing") return [findMissingRole(role)];
    findings.push(toUnread({ check: ROLE_CHECKS[facet], resource: `role ${role.name}` }, reading.problem));
    if (kind !== "denied") break;
  }
  return findings;
}

async function tryReading(
  one: (signal: AbortSignal) => Promise<Plain | undefined>,
  signal: AbortSignal,
): Promise<Reading> {
  try {
    signal.throwIfAborted();
    return { value: await one(signal) };
  } catch (error) {
    if (error instanceof LiveAwsProblem && error.kind !== "credentials") return { problem: error };
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    if (isLate) return { problem: new LiveAwsProblem("failed", `not read within ${TIME_MAX_MS / 1000} s`) };
    throw error;
  }
}

/** What is said where there is no answer to compare. */
function toUnread(about: Pick<Finding, "check" | "resource">, { kind, message }: LiveAwsProblem): Finding {
  if (kind === "unsupported") {
    return createFinding(about, "unsupported", {
      meaning: message,
      mend: "nothing to mend; see to it by the server's own means",
    });
  }
  return createFinding(about, "unreadable", {
    meaning: `whether it has drifted is not known: ${message}`,
    mend:
      kind === "denied"
        ? "run verify with the verify role of the template, or give these credentials the permissions named"
        : "see to the network, the endpoint and the region, and run verify again",
  });
}
