import { createClient } from "@connectrpc/connect";
import {
  type AuditEntry,
  AuditService,
  type ExportAuditResponse,
  type GetInclusionProofResponse,
} from "../../../gen/sluice/v1/audit_service_pb.ts";
import type { Addresses } from "../connection/addresses.ts";
import type { RetryOptions } from "../connection/retry-policy.ts";
import { SluiceError } from "../sluice-error.ts";
import { allPages, type CallAddress, type CallOptions, createCall } from "./call.ts";
import { type FollowedStream, type FollowOptions, followStream } from "./follow-stream.ts";

/** What is exported. */
export interface ExportAuditOptions extends CallOptions, FollowOptions {
  /** An AIP-160 filter; all entries without one. */
  filter?: string;
  /** Only entries with a higher number. */
  afterSequence?: bigint;
}

/** The end of a complete export: how many entries it had, and the number from which the next one goes on. */
export interface ExportedAudit {
  count: bigint;
  lastSequence: bigint;
}

/** The methods for what was done; they reject as all unary calls do. */
export interface AuditCalls {
  /** All entries of a namespace, or those that match an AIP-160 filter, the newest first, page by page. */
  allAuditEntries(options?: CallOptions & { filter?: string }): AsyncGenerator<AuditEntry, void, undefined>;
  /** What proves an entry by the audit log; `entry` is its id or its sequence. */
  getInclusionProof(entry: string, options?: CallOptions): Promise<GetInclusionProofResponse>;
  /**
   * The entries that there are now, the oldest first, over cuts and restarts of the service: none is lost, and none comes twice. The
   * generator returns only once the export is complete.
   */
  exportAudit(options?: ExportAuditOptions): AsyncGenerator<AuditEntry, ExportedAudit, undefined>;
}

/** The methods for what was done, over Connect transports, for Node and browsers. */
export function createAuditCalls(
  addresses: Addresses<CallAddress>,
  { renew }: Pick<RetryOptions, "renew"> = {},
): AuditCalls {
  const call = createCall(addresses, { renew });
  return {
    allAuditEntries: ({ signal, namespace = "default", filter = "" } = {}) =>
      allPages(
        (pageToken) => {
          const request = { namespace, filter, pageSize: 1000, pageToken };
          return call(AuditService.method.listAuditEntries, request, { signal });
        },
        ({ entries }) => entries,
      ),
    getInclusionProof: (entry, { signal, namespace = "default" } = {}) =>
      call(AuditService.method.getInclusionProof, { namespace, entry }, { signal }),
    async *exportAudit({ namespace = "default", filter = "", afterSequence = 0n, ...options } = {}) {
      const request = { namespace, filter, afterSequence };
      const stream: FollowedStream<ExportAuditResponse> = {
        open: (transport, signal) => createClient(AuditService, transport).exportAudit({ ...request }, { signal }),
        what: "the export",
      };
      let count = 0n;
      for await (const { content } of followStream(addresses, stream, { ...options, renew })) {
        if (content.case === "end") return { count, lastSequence: content.value.lastSequence };
        if (content.case === undefined) continue;
        request.afterSequence = content.value.sequence;
        if (content.case === "progress") continue;
        count++;
        yield content.value;
      }
      // A stream that is followed does not end by itself.
      throw new SluiceError("internal", "the export ended before it was complete", { reason: "PROTOCOL_VIOLATED" });
    },
  };
}
