import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  AuditPolicy,
  type GetUsageResponse,
  type Namespace,
  type NamespaceSchema,
  NamespaceService,
  Role,
  type Grant as WireGrant,
} from "../../../gen/sluice/v1/namespace_service_pb.ts";
import { allPages, type Call, present } from "./call.ts";

const ROLES = {
  reader: Role.READER,
  writer: Role.WRITER,
  deleter: Role.DELETER,
  auditor: Role.AUDITOR,
  admin: Role.ADMIN,
} as const;

/** Roles for a principal or a group, each named by its issuer's alias and its name there: "entra:finance". */
export type Grant = ({ principal: string } | { group: string }) & {
  roles: readonly (keyof typeof ROLES)[];
  /** Beginnings of paths, each ending in "/"; the whole namespace when left out or empty. */
  prefixes?: readonly string[];
};

/** Limits of a namespace, in bytes and milliseconds. When one is left out of a new namespace, the service's own holds. */
export interface NamespaceLimits {
  /** Regions in which files may be; the bucket's own when left out. */
  allowedRegions?: readonly string[];
  fileSizeMaxBytes?: number;
  retentionMs?: number;
  retainDefaultMs?: number;
  downloadUrlLifetimeMaxMs?: number;
  partUrlLifetimeMaxMs?: number;
  linkLifetimeMaxMs?: number;
  /** Whether answers wait until the journal says them. */
  audit?: "best-effort" | "required";
  /** Requests a second, of all callers together. A quota that is null is lifted, and so does not exist. */
  requestsPerSecondMax?: number | null;
  /** Bytes that all callers upload in a day. */
  bytesPerDayMax?: number | null;
  /** Bytes that the namespace keeps. */
  storedBytesMax?: number | null;
  /** The same quotas for each principal by itself. */
  principalRequestsPerSecondMax?: number | null;
  principalBytesPerDayMax?: number | null;
  principalStoredBytesMax?: number | null;
}

/** A namespace that is to be made. */
export interface NewNamespace extends NamespaceLimits {
  name: string;
  bucket: string;
  region: string;
  /** Beginning of the keys of its files; the name followed by "/" when left out. */
  keyPrefix?: string;
}

/** Who may do what in a namespace, with the etag to change it by. */
export interface Grants {
  grants: Grant[];
  etag: string;
}

interface Options {
  signal?: AbortSignal;
}

/** The methods for namespaces and their grants; they reject as all unary calls do. With `etag`, only what still has it is changed. */
export interface NamespaceCalls {
  createNamespace(namespace: NewNamespace, options?: Options): Promise<Namespace>;
  getNamespace(name: string, options?: Options): Promise<Namespace>;
  /** All namespaces in which the caller has a role, by name, page by page. */
  allNamespaces(options?: Options): AsyncGenerator<Namespace, void, undefined>;
  /** Changes the limits that are given. */
  updateNamespace(name: string, limits: NamespaceLimits, options?: Options & { etag?: string }): Promise<Namespace>;
  /** Deletes an empty namespace for good. */
  deleteNamespace(name: string, options?: Options & { etag?: string }): Promise<void>;
  /** With `principal` also what that one uses. */
  getUsage(name: string, options?: Options & { principal?: string }): Promise<GetUsageResponse>;
  getGrants(name: string, options?: Options): Promise<Grants>;
  /** Replaces all grants; returns them as they are kept. */
  setGrants(name: string, grants: readonly Grant[], options?: Options & { etag?: string }): Promise<Grants>;
}

/** The methods for namespaces, over the calls of a client. */
export function createNamespaceCalls(call: Call): NamespaceCalls {
  return {
    async createNamespace({ name, bucket, region, keyPrefix, ...limits }, { signal } = {}) {
      const named = { name, bucket, region, ...(keyPrefix !== undefined && { keyPrefix }) };
      const namespace = { ...named, ...toLimitValues(limits) };
      const answer = await call(NamespaceService.method.createNamespace, { namespace }, { signal });
      return present(answer.namespace, "namespace");
    },
    async getNamespace(namespace, { signal } = {}) {
      const answer = await call(NamespaceService.method.getNamespace, { namespace }, { signal });
      return present(answer.namespace, "namespace");
    },
    allNamespaces: ({ signal } = {}) =>
      allPages(
        (pageToken) => call(NamespaceService.method.listNamespaces, { pageSize: 1000, pageToken }, { signal }),
        ({ namespaces }) => namespaces,
      ),
    async updateNamespace(name, limits, { signal, etag = "" } = {}) {
      const given = Object.entries(FIELDS).filter(([key]) => limits[key as keyof NamespaceLimits] !== undefined);
      const updateMask = { paths: given.map(([, field]) => field) };
      const namespace = { name, etag, ...toLimitValues(limits) };
      const answer = await call(NamespaceService.method.updateNamespace, { namespace, updateMask }, { signal });
      return present(answer.namespace, "namespace");
    },
    async deleteNamespace(namespace, { signal, etag = "" } = {}) {
      await call(NamespaceService.method.deleteNamespace, { namespace, etag }, { signal });
    },
    getUsage: (namespace, { signal, principal = "" } = {}) =>
      call(NamespaceService.method.getUsage, { namespace, principal }, { signal }),
    async getGrants(namespace, { signal } = {}) {
      const answer = await call(NamespaceService.method.getGrants, { namespace }, { signal });
      return { grants: answer.grants.map(fromWire), etag: answer.etag };
    },
    async setGrants(namespace, grants, { signal, etag = "" } = {}) {
      const request = { namespace, grants: grants.map(toWire), etag };
      const answer = await call(NamespaceService.method.setGrants, request, { signal });
      return { grants: answer.grants.map(fromWire), etag: answer.etag };
    },
  };
}

/** The names that a mask has for the limits. */
const FIELDS = {
  allowedRegions: "allowed_regions",
  fileSizeMaxBytes: "file_size_max_bytes",
  retentionMs: "retention",
  retainDefaultMs: "retain_default",
  downloadUrlLifetimeMaxMs: "download_url_lifetime_max",
  partUrlLifetimeMaxMs: "part_url_lifetime_max",
  linkLifetimeMaxMs: "link_lifetime_max",
  audit: "audit",
  requestsPerSecondMax: "requests_per_second_max",
  bytesPerDayMax: "bytes_per_day_max",
  storedBytesMax: "stored_bytes_max",
  principalRequestsPerSecondMax: "principal_requests_per_second_max",
  principalBytesPerDayMax: "principal_bytes_per_day_max",
  principalStoredBytesMax: "principal_stored_bytes_max",
} as const satisfies Record<keyof NamespaceLimits, string>;

/** The policy of a namespace for its journal, as NamespaceLimits names it. */
export function fromAuditPolicy({ audit }: Pick<Namespace, "audit">): NonNullable<NamespaceLimits["audit"]> {
  return audit === AuditPolicy.REQUIRED ? "required" : "best-effort";
}

const AUDIT_POLICIES = { "best-effort": AuditPolicy.BEST_EFFORT, required: AuditPolicy.REQUIRED } as const;

function toLimitValues(limits: NamespaceLimits): MessageInitShape<typeof NamespaceSchema> {
  const toDuration = (ms: number | undefined) => (ms === undefined ? undefined : durationFromMs(ms));
  const toQuota = (value: number | null | undefined) => (value == null ? undefined : BigInt(value));
  const values = {
    allowedRegions: limits.allowedRegions && [...limits.allowedRegions],
    fileSizeMaxBytes: limits.fileSizeMaxBytes === undefined ? undefined : BigInt(limits.fileSizeMaxBytes),
    retention: toDuration(limits.retentionMs),
    retainDefault: toDuration(limits.retainDefaultMs),
    downloadUrlLifetimeMax: toDuration(limits.downloadUrlLifetimeMaxMs),
    partUrlLifetimeMax: toDuration(limits.partUrlLifetimeMaxMs),
    linkLifetimeMax: toDuration(limits.linkLifetimeMaxMs),
    audit: limits.audit && AUDIT_POLICIES[limits.audit],
    requestsPerSecondMax: toQuota(limits.requestsPerSecondMax),
    bytesPerDayMax: toQuota(limits.bytesPerDayMax),
    storedBytesMax: toQuota(limits.storedBytesMax),
    principalRequestsPerSecondMax: toQuota(limits.principalRequestsPerSecondMax),
    principalBytesPerDayMax: toQuota(limits.principalBytesPerDayMax),
    principalStoredBytesMax: toQuota(limits.principalStoredBytesMax),
  };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function toWire(grant: Grant) {
  const member =
    "principal" in grant
      ? { case: "principal" as const, value: grant.principal }
      : { case: "group" as const, value: grant.group };
  return { member, roles: grant.roles.map((role) => ROLES[role]), prefixes: [...(grant.prefixes ?? [])] };
}

function fromWire({ member, roles, prefixes }: WireGrant): Grant {
  const named = member.case === "group" ? { group: member.value } : { principal: member.value ?? "" };
  const names = Object.entries(ROLES).filter(([, role]) => roles.includes(role));
  return { ...named, roles: names.map(([name]) => name as keyof typeof ROLES), prefixes };
}
