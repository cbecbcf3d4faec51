import { type AuditEntry, AuditService, type GetInclusionProofResponse } from "../../gen/sluice/v1/audit_service_pb.ts";
import { allPages, type Call, type CallOptions } from "./call.ts";

/** The methods for what was done; they reject as all unary calls do. */
export interface AuditCalls {
  /** All entries of a namespace, or those that match an AIP-160 filter, the newest first, page by page. */
  allAuditEntries(options?: CallOptions & { filter?: string }): AsyncGenerator<AuditEntry, void, undefined>;
  /** What proves an entry by the audit log; `entry` is its id or its sequence. */
  getInclusionProof(entry: string, options?: CallOptions): Promise<GetInclusionProofResponse>;
}

/** The methods for what was done, over the calls of a client. */
export function createAuditCalls(call: Call): AuditCalls {
  return {
    allAuditEntries: ({ signal, namespace = "default", filter = "" } = {}) =>
      allPages(
        (pageToken) => {
          const request = { namespace, filter, pageSize: 1000, pageToken };
          return call(AuditService, signal, (audit, options) => audit.listAuditEntries(request, options));
        },
        ({ entries }) => entries,
      ),
    getInclusionProof: (entry, { signal, namespace = "default" } = {}) =>
      call(AuditService, signal, (audit, options) => audit.getInclusionProof({ namespace, entry }, options)),
  };
}
