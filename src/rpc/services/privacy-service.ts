import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  EraseDataSubjectResponseSchema,
  ErasureSchema,
  ExportDataSubjectResponseSchema,
  type PrivacyService,
  type Erasure as WireErasure,
} from "../../../gen/sluice/v1/privacy_service_pb.ts";
import type { EraseDataSubjectRequest } from "../../commands/privacy/erase-data-subject.ts";
import type { ExportDataSubjectRequest, ExportedPage } from "../../commands/privacy/export-data-subject.ts";
import type { Erasure } from "../../domain/privacy/erasure.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import { toEntryMessage } from "../messages/audit-message.ts";
import { toFileMessage } from "../messages/file-message.ts";
import { toLinkMessage } from "../messages/link-message.ts";
import { toUploadMessage } from "../messages/upload-message.ts";

/** The functions that PrivacyService calls. */
export interface PrivacyFunctions {
  exportDataSubject(request: ExportDataSubjectRequest, options: CallOptions): Promise<ExportedPage>;
  eraseDataSubject(request: EraseDataSubjectRequest, options: CallOptions): Promise<Erasure>;
}

/** PrivacyService for Connect: protobuf in, protobuf out. */
export function createPrivacyService(functions: PrivacyFunctions): ServiceImpl<typeof PrivacyService> {
  return {
    exportDataSubject: async ({ namespace, dataSubject, pageSize, pageToken }, context) => {
      const request = { namespace, dataSubject, pageSize, pageToken };
      const { items, nextPageToken } = await functions.exportDataSubject(request, toCallOptions(context));
      const response = create(ExportDataSubjectResponseSchema, { nextPageToken });
      for (const item of items) addItem(response, item);
      return response;
    },
    eraseDataSubject: async ({ namespace, dataSubject, requestId }, context) => {
      const request = { namespace, dataSubject, requestId };
      const erasure = await functions.eraseDataSubject(request, toCallOptions(context));
      return create(EraseDataSubjectResponseSchema, { erasure: toErasureMessage(erasure) });
    },
  };
}

function addItem(
  response: ReturnType<typeof create<typeof ExportDataSubjectResponseSchema>>,
  item: ExportedPage["items"][number],
): void {
  switch (item.kind) {
    case "file": {
      const { url = "", expireTime } = item.download ?? {};
      response.files.push({
        $typeName: "sluice.v1.ExportedFile",
        file: toFileMessage(item.file),
        downloadUrl: url,
        ...(expireTime !== undefined && { expireTime: timestampFromDate(expireTime) }),
      });
      return;
    }
    case "upload":
      response.uploads.push(toUploadMessage({ upload: item.upload, parts: [], receivedBytes: 0 }));
      return;
    case "link":
      response.links.push(toLinkMessage(item.link));
      return;
    case "entry":
      response.entries.push(toEntryMessage(item.entry));
  }
}

function toErasureMessage({ erasureId, namespace, createTime, endTime, ...erasure }: Erasure): WireErasure {
  return create(ErasureSchema, {
    erasureId,
    namespace,
    createTime: timestampFromDate(createTime),
    ...(endTime !== undefined && { endTime: timestampFromDate(endTime) }),
    filesErased: BigInt(erasure.filesErased),
    uploadsErased: BigInt(erasure.uploadsErased),
    linksErased: BigInt(erasure.linksErased),
    entriesRedacted: BigInt(erasure.entriesRedacted),
    filesHeld: BigInt(erasure.filesHeld),
    heldFileIds: erasure.heldFileIds,
  });
}
