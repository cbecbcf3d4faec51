import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  CreateDownloadUrlResponseSchema,
  DeleteFileResponseSchema,
  type FileCommandService,
  UndeleteFileResponseSchema,
  UpdateFileResponseSchema,
} from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { FileSchema } from "../../../gen/sluice/v1/file_pb.ts";
import type { CreateDownloadUrlRequest } from "../../commands/files/create-download-url.ts";
import type { DeleteFileRequest } from "../../commands/files/delete-file.ts";
import type { UndeleteFileRequest } from "../../commands/files/undelete-file.ts";
import type { UpdateFileRequest } from "../../commands/files/update-file.ts";
import type { File } from "../../domain/files/file.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import { fromDuration } from "../messages/duration.ts";
import { fromFileName, fromFileValues, toFileMessage } from "../messages/file-message.ts";
import { fromInt64, fromOptionalInt64 } from "../messages/int64.ts";
import { createFileLifecycleMethods, type FileLifecycleFunctions } from "./file-lifecycle-methods.ts";
import { createLinkMethods, type LinkCommandFunctions } from "./link-methods.ts";

/** The functions that FileCommandService calls: the commands with their dependencies bound. */
export interface FileCommandFunctions extends FileLifecycleFunctions, LinkCommandFunctions {
  createDownloadUrl(
    request: CreateDownloadUrlRequest,
    options: CallOptions,
  ): Promise<{ url: string; expireTime: Date; file: File }>;
  updateFile(request: UpdateFileRequest, options: CallOptions): Promise<File>;
  deleteFile(request: DeleteFileRequest, options: CallOptions): Promise<File>;
  undeleteFile(request: UndeleteFileRequest, options: CallOptions): Promise<File>;
}

/** FileCommandService for Connect: protobuf in, protobuf out. */
export function createFileCommandService(functions: FileCommandFunctions): ServiceImpl<typeof FileCommandService> {
  return {
    ...createFileLifecycleMethods(functions),
    ...createLinkMethods(functions),
    createDownloadUrl: async (request, context) => {
      const { downloadName, inline, contentType, lifetime } = request;
      const { url, expireTime, file } = await functions.createDownloadUrl(
        {
          ...fromFileName(request),
          downloadName,
          inline,
          contentType,
          ...(lifetime !== undefined && { lifetimeMs: fromDuration(lifetime, "lifetime") }),
        },
        toCallOptions(context),
      );
      return create(CreateDownloadUrlResponseSchema, {
        url,
        expireTime: timestampFromDate(expireTime),
        file: toFileMessage(file),
      });
    },
    updateFile: async ({ requestId, file = create(FileSchema), updateMask }, context) => {
      const { namespace, path, etag } = file;
      const generation = file.generation === 0n ? undefined : fromInt64(file.generation, "file.generation");
      const name = { namespace, path, ...(generation !== undefined && { generation }) };
      const request = { requestId, ...name, etag, values: fromFileValues(file), updateMask: updateMask?.paths };
      const updated = await functions.updateFile(request, toCallOptions(context));
      return create(UpdateFileResponseSchema, { file: toFileMessage(updated) });
    },
    deleteFile: async (request, context) => {
      const { requestId, namespace, path, etag } = request;
      const ifGenerationMatch = fromOptionalInt64(request.ifGenerationMatch, "if_generation_match");
      const file = await functions.deleteFile(
        { requestId, namespace, path, etag, ...(ifGenerationMatch !== undefined && { ifGenerationMatch }) },
        toCallOptions(context),
      );
      return create(DeleteFileResponseSchema, { file: toFileMessage(file) });
    },
    undeleteFile: async (request, context) => {
      const values = { requestId: request.requestId, ...fromFileName(request), etag: request.etag };
      const file = await functions.undeleteFile(values, toCallOptions(context));
      return create(UndeleteFileResponseSchema, { file: toFileMessage(file) });
    },
  };
}
