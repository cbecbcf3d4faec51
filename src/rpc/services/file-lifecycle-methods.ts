import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  CopyFileResponseSchema,
  type FileCommandService,
  MoveFileResponseSchema,
  PurgeFileResponseSchema,
  PurgeFilesResponseSchema,
  RestoreGenerationResponseSchema,
} from "../../../gen/sluice/v1/file_command_service_pb.ts";
import type { CopyFileRequest } from "../../commands/files/copy-file.ts";
import type { MoveFileRequest } from "../../commands/files/move-file.ts";
import type { PurgeFileRequest } from "../../commands/files/purge-file.ts";
import type { PurgeFilesRequest, PurgeFilesResult } from "../../commands/files/purge-files.ts";
import type { RestoreGenerationRequest } from "../../commands/files/restore-generation.ts";
import type { File } from "../../domain/files/file.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import { fromCopyMessage, fromTargetCondition } from "../messages/copy-message.ts";
import { fromFileName, toFileMessage } from "../messages/file-message.ts";
import { fromInt64, fromOptionalInt64 } from "../messages/int64.ts";

/** The commands that decide where a file is, and whether it still exists. */
export interface FileLifecycleFunctions {
  purgeFile(request: PurgeFileRequest, options: CallOptions): Promise<File>;
  purgeFiles(request: PurgeFilesRequest, options: CallOptions): Promise<PurgeFilesResult>;
  copyFile(request: CopyFileRequest, options: CallOptions): Promise<File>;
  moveFile(request: MoveFileRequest, options: CallOptions): Promise<File>;
  restoreGeneration(request: RestoreGenerationRequest, options: CallOptions): Promise<File>;
}

/** The methods of FileCommandService for these commands. */
export function createFileLifecycleMethods(functions: FileLifecycleFunctions) {
  return {
    purgeFile: async (request, context) => {
      const values = { requestId: request.requestId, ...fromFileName(request), etag: request.etag };
      const file = await functions.purgeFile(values, toCallOptions(context));
      return create(PurgeFileResponseSchema, { file: toFileMessage(file) });
    },
    purgeFiles: async ({ $typeName: _, $unknown: __, ...request }, context) => {
      const { matched, purged, retained, ...rest } = await functions.purgeFiles(request, toCallOptions(context));
      return create(PurgeFilesResponseSchema, {
        matchedCount: BigInt(matched),
        purgedCount: BigInt(purged),
        retainedCount: BigInt(retained),
        ...rest,
      });
    },
    copyFile: async (request, context) => {
      const file = await functions.copyFile(fromCopyMessage(request), toCallOptions(context));
      return create(CopyFileResponseSchema, { file: toFileMessage(file) });
    },
    moveFile: async (request, context) => {
      const { requestId, namespace, path, targetPath, etag } = request;
      const ifGenerationMatch = fromOptionalInt64(request.ifGenerationMatch, "if_generation_match");
      const values = {
        requestId,
        namespace,
        path,
        targetPath,
        etag,
        ...(ifGenerationMatch !== undefined && { ifGenerationMatch }),
        ...fromTargetCondition(request),
      };
      const file = await functions.moveFile(values, toCallOptions(context));
      return create(MoveFileResponseSchema, { file: toFileMessage(file) });
    },
    restoreGeneration: async (request, context) => {
      const { requestId, namespace, path } = request;
      const ifGenerationMatch = fromOptionalInt64(request.ifGenerationMatch, "if_generation_match");
      const values = {
        requestId,
        namespace,
        path,
        generation: fromInt64(request.generation, "generation"),
        ...(ifGenerationMatch !== undefined && { ifGenerationMatch }),
      };
      const file = await functions.restoreGeneration(values, toCallOptions(context));
      return create(RestoreGenerationResponseSchema, { file: toFileMessage(file) });
    },
  } satisfies Partial<ServiceImpl<typeof FileCommandService>>;
}
