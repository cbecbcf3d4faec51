import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  AbortUploadResponseSchema,
  type CompleteUploadRequest as CompleteUploadMessage,
  CompleteUploadResponseSchema,
  CreateUploadResponseSchema,
  CreateUploadTokenResponseSchema,
  GetUploadResponseSchema,
  type UploadService,
  WritePartResponseSchema,
} from "../../../gen/sluice/v1/upload_service_pb.ts";
import type { CompleteUploadRequest } from "../../commands/uploads/complete-upload.ts";
import type { CreateUploadRequest } from "../../commands/uploads/create-upload.ts";
import type { CreateUploadTokenRequest } from "../../commands/uploads/create-upload-token.ts";
import type { SignedPart, SignPartsRequest } from "../../commands/uploads/sign-parts.ts";
import type { UploadToken } from "../../domain/caller.ts";
import type { File } from "../../domain/files/file.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { UploadProgress } from "../../queries/get-upload.ts";
import type { WatchReport } from "../../queries/upload-watches.ts";
import type { PartWritten, WritePartRequest } from "../../transfer/write-part.ts";
import type { BeginWrite } from "../../transfer/write-upload.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import { type AdmitPart, takeAdmission } from "../calls/part-gate.ts";
import { fromCreateUploadRequest } from "../messages/create-upload-message.ts";
import { toFileMessage, toReceiptMessage } from "../messages/file-message.ts";
import { fromOptionalInt64 } from "../messages/int64.ts";
import { fromSignPartsRequest, toSignPartsResponse } from "../messages/sign-parts-message.ts";
import { toByteRangeMessage, toUploadMessage, toWatchUploadResponse } from "../messages/upload-message.ts";
import { fromUploadTokenRequest, toUploadTokenMessage } from "../messages/upload-token-message.ts";

/** The functions that UploadService calls: the commands and the query, with their dependencies bound. */
export interface UploadFunctions {
  createUpload(request: CreateUploadRequest, options: CallOptions): Promise<{ upload: Upload; created: boolean }>;
  completeUpload(request: CompleteUploadRequest, options: CallOptions): Promise<File>;
  abortUpload(
    request: { requestId: string; namespace: string; uploadId: string },
    options: CallOptions,
  ): Promise<Upload>;
  getUpload(request: { namespace: string; uploadId: string }, options: CallOptions): Promise<UploadProgress>;
  watchUpload(request: { namespace: string; uploadId: string }, options: CallOptions): AsyncIterable<WatchReport>;
  writePart(request: WritePartRequest, options: CallOptions): Promise<PartWritten>;
  signParts(request: SignPartsRequest, options: CallOptions): Promise<{ parts: SignedPart[]; expireTime: Date }>;
  createUploadToken(
    request: CreateUploadTokenRequest,
    options: CallOptions,
  ): Promise<{ token: string; said: UploadToken }>;
  /** Makes room for a message of WritePart before it is read. */
  admitPart: AdmitPart;
  /** The data plane brings its own handler: bytes do not pass through here. */
  writeUpload: ServiceImpl<typeof UploadService>["writeUpload"];
  /** Begins to write an upload for a face that carries its bytes itself. */
  beginWrite: BeginWrite;
}

/** UploadService for Connect: protobuf in, protobuf out. */
export function createUploadService(functions: UploadFunctions): ServiceImpl<typeof UploadService> {
  return {
    createUpload: async (request, context) => {
      const options = toCallOptions(context);
      const { upload, created } = await functions.createUpload(fromCreateUploadRequest(request), options);
      // A repeated request id may name an upload that has bytes by now.
      const progress = created
        ? { upload, parts: [], receivedBytes: 0 }
        : await getProgress(functions, upload, options);
      return create(CreateUploadResponseSchema, { upload: toUploadMessage(progress) });
    },
    completeUpload: async (request, context) => {
      const file = await functions.completeUpload(fromCompleteUploadRequest(request), toCallOptions(context));
      return create(CompleteUploadResponseSchema, { file: toFileMessage(file), receipt: toReceiptMessage(file) });
    },
    abortUpload: async ({ requestId, namespace, uploadId }, context) => {
      const options = toCallOptions(context);
      const upload = await functions.abortUpload({ requestId, namespace, uploadId }, options);
      const progress = await getProgress(functions, upload, options);
      return create(AbortUploadResponseSchema, { upload: toUploadMessage(progress) });
    },
    getUpload: async ({ namespace, uploadId }, context) => {
      const progress = await functions.getUpload({ namespace, uploadId }, toCallOptions(context));
      return create(GetUploadResponseSchema, { upload: toUploadMessage(progress) });
    },
    writePart: async (request, context) => {
      const release = takeAdmission(context);
      try {
        const { namespace, uploadId, partNumber, crc32, data: bytes } = request;
        const options = toCallOptions(context);
        const part = await functions.writePart({ namespace, uploadId, partNumber, crc32, bytes }, options);
        const { range, wasDurable } = part;
        return create(WritePartResponseSchema, { range: toByteRangeMessage(range), crc32: part.crc32, wasDurable });
      } finally {
        release();
      }
    },
    signParts: async (request, context) =>
      toSignPartsResponse(await functions.signParts(fromSignPartsRequest(request), toCallOptions(context))),
    createUploadToken: async (request, context) => {
      const { token, said } = await functions.createUploadToken(
        fromUploadTokenRequest(request),
        toCallOptions(context),
      );
      return create(CreateUploadTokenResponseSchema, { token, uploadToken: toUploadTokenMessage(said) });
    },
    async *watchUpload({ namespace, uploadId }, context) {
      const reports = functions.watchUpload({ namespace, uploadId }, toCallOptions(context));
      for await (const report of reports) yield toWatchUploadResponse(report);
    },
    writeUpload: functions.writeUpload,
  };
}

function getProgress(functions: UploadFunctions, upload: Upload, options: CallOptions): Promise<UploadProgress> {
  return functions.getUpload({ namespace: upload.namespace, uploadId: upload.uploadId }, options);
}

function fromCompleteUploadRequest(message: CompleteUploadMessage): CompleteUploadRequest {
  return {
    requestId: message.requestId,
    namespace: message.namespace,
    uploadId: message.uploadId,
    sizeBytes: fromOptionalInt64(message.sizeBytes, "size_bytes"),
    crc32: message.crc32,
    sha256: message.sha256,
    ifGenerationMatch: fromOptionalInt64(message.ifGenerationMatch, "if_generation_match"),
    parts: message.parts.map(({ partNumber, etag }) => ({ partNumber, etag })),
  };
}
