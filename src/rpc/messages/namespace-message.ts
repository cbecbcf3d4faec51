import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  GrantSchema,
  NamespaceSchema,
  Role,
  UsedBytesSchema,
  AuditPolicy as WireAuditPolicy,
  type Grant as WireGrant,
  type Namespace as WireNamespace,
  type UsedBytes as WireUsedBytes,
} from "../../../gen/sluice/v1/namespace_service_pb.ts";
import type { Grant } from "../../domain/access/grants.ts";
import type { Role as DomainRole } from "../../domain/access/role.ts";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import type { AuditPolicy } from "../../domain/namespaces/namespace.ts";
import { toNamespaceEtag } from "../../domain/namespaces/namespace-etag.ts";
import type { NamespaceRecord } from "../../domain/namespaces/namespace-repository.ts";
import type { StatedPolicy } from "../../domain/namespaces/parse-namespace.ts";
import { QUOTA_NAMES, type Quotas, type UsedBytes } from "../../domain/namespaces/quotas.ts";
import { fromDuration } from "./duration.ts";
import { fromInt64, fromOptionalInt64 } from "./int64.ts";

const ROLES = {
  reader: Role.READER,
  writer: Role.WRITER,
  deleter: Role.DELETER,
  auditor: Role.AUDITOR,
  admin: Role.ADMIN,
} as const satisfies Record<DomainRole, Role>;

const AUDIT_POLICIES = {
  "best-effort": WireAuditPolicy.BEST_EFFORT,
  required: WireAuditPolicy.REQUIRED,
} as const satisfies Record<AuditPolicy, WireAuditPolicy>;

/** A namespace as the API shows it: without its grants. */
export function toNamespaceMessage(record: NamespaceRecord): WireNamespace {
  return create(NamespaceSchema, {
    name: record.name,
    bucket: record.bucket,
    region: record.region,
    keyPrefix: record.keyPrefix,
    allowedRegions: [...record.allowedRegions],
    fileSizeMaxBytes: BigInt(record.fileSizeMaxBytes),
    retention: durationFromMs(record.retentionMs),
    retainDefault: durationFromMs(record.retainDefaultMs),
    downloadUrlLifetimeMax: durationFromMs(record.downloadUrlLifetimeMaxMs),
    partUrlLifetimeMax: durationFromMs(record.partUrlLifetimeMaxMs),
    linkLifetimeMax: durationFromMs(record.linkLifetimeMaxMs),
    audit: AUDIT_POLICIES[record.audit],
    etag: toNamespaceEtag(record),
    createTime: timestampFromDate(record.createTime),
    updateTime: timestampFromDate(record.updateTime),
    ...Object.fromEntries(QUOTA_KEYS.flatMap((key) => (record[key] === undefined ? [] : [[key, BigInt(record[key])]]))),
  });
}

const QUOTA_KEYS = Object.keys(QUOTA_NAMES) as (keyof Quotas)[];

/** What is used of the quotas, as the API shows it. */
export function toUsedMessage({ storedBytes, dayBytes }: UsedBytes): WireUsedBytes {
  return create(UsedBytesSchema, { storedBytes: BigInt(storedBytes), dayBytes: BigInt(dayBytes) });
}

/** The limits that a caller states of a namespace; a file size of 0 is no limit that could be meant. */
export function fromNamespacePolicy(message: WireNamespace): StatedPolicy {
  const toMs = (field: keyof typeof DURATIONS) => {
    const duration = message[field];
    return duration && fromDuration(duration, DURATIONS[field]);
  };
  const { fileSizeMaxBytes, allowedRegions } = message;
  return {
    allowedRegions,
    fileSizeMaxBytes: fileSizeMaxBytes === 0n ? undefined : fromInt64(fileSizeMaxBytes, "file_size_max_bytes"),
    retentionMs: toMs("retention"),
    retainDefaultMs: toMs("retainDefault"),
    downloadUrlLifetimeMaxMs: toMs("downloadUrlLifetimeMax"),
    partUrlLifetimeMaxMs: toMs("partUrlLifetimeMax"),
    linkLifetimeMaxMs: toMs("linkLifetimeMax"),
    audit: fromAuditPolicy(message.audit),
    ...fromQuotas(message),
  };
}

function fromAuditPolicy(policy: WireAuditPolicy): AuditPolicy | undefined {
  if (policy === WireAuditPolicy.UNSPECIFIED) return undefined;
  const found = Object.entries(AUDIT_POLICIES).find(([, wire]) => wire === policy);
  if (found !== undefined) return found[0] as AuditPolicy;
  const message = `audit is ${policy}; give AUDIT_POLICY_BEST_EFFORT or AUDIT_POLICY_REQUIRED`;
  throw invalidArgument("namespace.audit", message);
}

function fromQuotas(message: WireNamespace): Quotas {
  const given = QUOTA_KEYS.filter((key) => message[key] !== undefined);
  return Object.fromEntries(given.map((key) => [key, fromOptionalInt64(message[key], QUOTA_NAMES[key])]));
}

const DURATIONS = {
  retention: "retention",
  retainDefault: "retain_default",
  downloadUrlLifetimeMax: "download_url_lifetime_max",
  partUrlLifetimeMax: "part_url_lifetime_max",
  linkLifetimeMax: "link_lifetime_max",
} as const;

/** Grants as the API shows them. */
export function toGrantMessages(grants: readonly Grant[]): WireGrant[] {
  return grants.map(({ member, roles, prefixes }) =>
    create(GrantSchema, {
      member:
        "principal" in member ? { case: "principal", value: member.principal } : { case: "group", value: member.group },
      roles: roles.map((role) => ROLES[role]),
      prefixes: [...prefixes],
    }),
  );
}

/** Grants of a request. `invalid_argument / GRANT_INVALID` for one without a member, or with a role that is none. */
export function fromGrantMessages(messages: readonly WireGrant[]): Grant[] {
  return messages.map(({ member, roles, prefixes }, index) => {
    if (member.case === undefined) throw toInvalid(`grant ${index + 1}: it names neither a principal nor a group`);
    const named = member.case === "principal" ? { principal: member.value } : { group: member.value };
    return { member: named, roles: roles.map((role) => fromRole(role, index)), prefixes };
  });
}

function fromRole(role: Role, index: number): DomainRole {
  const found = Object.entries(ROLES).find(([, wire]) => wire === role);
  if (found !== undefined) return found[0] as DomainRole;
  const names = Object.keys(ROLES).join(", ");
  throw toInvalid(`grant ${index + 1}: there is no role number ${role}; the roles are ${names}`);
}

function toInvalid(message: string): DomainError {
  return new DomainError("invalid_argument", message, { reason: "GRANT_INVALID", field: "grants" });
}
