import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  CreateNamespaceResponseSchema,
  DeleteNamespaceResponseSchema,
  GetGrantsResponseSchema,
  GetNamespaceResponseSchema,
  GetResidencyReportResponseSchema,
  GetUsageResponseSchema,
  ListNamespacesResponseSchema,
  NamespaceSchema,
  type NamespaceService,
  SetGrantsResponseSchema,
  UpdateNamespaceResponseSchema,
} from "../../../gen/sluice/v1/namespace_service_pb.ts";
import type { CreateNamespaceRequest } from "../../commands/namespaces/create-namespace.ts";
import type { UpdateNamespaceRequest } from "../../commands/namespaces/update-namespace.ts";
import type { Grant } from "../../domain/access/grants.ts";
import { invalidArgument } from "../../domain/errors.ts";
import { toNamespaceEtag } from "../../domain/namespaces/namespace-etag.ts";
import type { NamespaceRecord, NamespaceUsage } from "../../domain/namespaces/namespace-repository.ts";
import type { PageRequest } from "../../queries/file-page.ts";
import type { GetUsageRequest } from "../../queries/get-usage.ts";
import type { NamespaceResidency } from "../../queries/residency-report.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import {
  fromGrantMessages,
  fromNamespacePolicy,
  toGrantMessages,
  toNamespaceMessage,
  toUsedMessage,
} from "../messages/namespace-message.ts";
import { toResidencyMessage } from "../messages/residency-message.ts";

/** A request that names a namespace and nothing else. */
export interface NamespaceName {
  namespace: string;
}

/** The functions that NamespaceService calls. */
export interface NamespaceFunctions {
  createNamespace(request: CreateNamespaceRequest, options: CallOptions): Promise<NamespaceRecord>;
  getNamespace(request: NamespaceName, options: CallOptions): Promise<NamespaceRecord>;
  listNamespaces(
    request: PageRequest,
    options: CallOptions,
  ): Promise<{ namespaces: NamespaceRecord[]; nextPageToken: string }>;
  updateNamespace(request: UpdateNamespaceRequest, options: CallOptions): Promise<NamespaceRecord>;
  deleteNamespace(request: NamespaceName & { etag: string }, options: CallOptions): Promise<NamespaceRecord>;
  getUsage(request: GetUsageRequest, options: CallOptions): Promise<NamespaceUsage>;
  getResidencyReport(
    request: PageRequest,
    options: CallOptions,
  ): Promise<{ namespaces: NamespaceResidency[]; nextPageToken: string }>;
  getGrants(request: NamespaceName, options: CallOptions): Promise<NamespaceRecord>;
  setGrants(
    request: NamespaceName & { grants: readonly Grant[]; etag: string },
    options: CallOptions,
  ): Promise<NamespaceRecord>;
}

/** NamespaceService for Connect: protobuf in, protobuf out. */
export function createNamespaceService(functions: NamespaceFunctions): ServiceImpl<typeof NamespaceService> {
  return {
    createNamespace: async ({ namespace = create(NamespaceSchema) }, context) => {
      const { name, bucket, region, keyPrefix, etag } = namespace;
      if (etag !== "") throw invalidArgument("namespace.etag", "etag is of a namespace that exists; leave it out");
      const request = { name, bucket, region, keyPrefix, ...fromNamespacePolicy(namespace) };
      const record = await functions.createNamespace(request, toCallOptions(context));
      return create(CreateNamespaceResponseSchema, { namespace: toNamespaceMessage(record) });
    },
    getNamespace: async ({ namespace }, context) => {
      const record = await functions.getNamespace({ namespace }, toCallOptions(context));
      return create(GetNamespaceResponseSchema, { namespace: toNamespaceMessage(record) });
    },
    listNamespaces: async ({ pageSize, pageToken }, context) => {
      const page = await functions.listNamespaces({ pageSize, pageToken }, toCallOptions(context));
      const { namespaces, nextPageToken } = page;
      return create(ListNamespacesResponseSchema, { namespaces: namespaces.map(toNamespaceMessage), nextPageToken });
    },
    updateNamespace: async ({ namespace = create(NamespaceSchema), updateMask }, context) => {
      const { name, etag } = namespace;
      const policy = fromNamespacePolicy(namespace);
      const request = { namespace: name, policy, updateMask: updateMask?.paths ?? [], etag };
      const record = await functions.updateNamespace(request, toCallOptions(context));
      return create(UpdateNamespaceResponseSchema, { namespace: toNamespaceMessage(record) });
    },
    deleteNamespace: async ({ namespace, etag }, context) => {
      await functions.deleteNamespace({ namespace, etag }, toCallOptions(context));
      return create(DeleteNamespaceResponseSchema);
    },
    getUsage: async ({ namespace, principal }, context) => {
      const usage = await functions.getUsage({ namespace, principal }, toCallOptions(context));
      return create(GetUsageResponseSchema, {
        liveFiles: BigInt(usage.liveFiles),
        liveBytes: BigInt(usage.liveBytes),
        keptGenerations: BigInt(usage.kept),
        keptBytes: BigInt(usage.keptBytes),
        unfinishedUploads: BigInt(usage.unfinishedUploads),
        used: toUsedMessage(usage.used),
        ...(usage.usedByPrincipal && { usedByPrincipal: toUsedMessage(usage.usedByPrincipal) }),
        dayEndTime: timestampFromDate(usage.dayEndTime),
      });
    },
    getResidencyReport: async ({ pageSize, pageToken }, context) => {
      const page = await functions.getResidencyReport({ pageSize, pageToken }, toCallOptions(context));
      const namespaces = page.namespaces.map(toResidencyMessage);
      return create(GetResidencyReportResponseSchema, { namespaces, nextPageToken: page.nextPageToken });
    },
    getGrants: async ({ namespace }, context) => {
      const record = await functions.getGrants({ namespace }, toCallOptions(context));
      return create(GetGrantsResponseSchema, { grants: toGrantMessages(record.grants), etag: toNamespaceEtag(record) });
    },
    setGrants: async ({ namespace, grants, etag }, context) => {
      const request = { namespace, grants: fromGrantMessages(grants), etag };
      const record = await functions.setGrants(request, toCallOptions(context));
      return create(SetGrantsResponseSchema, { grants: toGrantMessages(record.grants), etag: toNamespaceEtag(record) });
    },
  };
}
