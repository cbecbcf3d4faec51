import { create } from "@bufbuild/protobuf";
import type { CopyFileRequest as WireRequest } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { FileSchema } from "../../../gen/sluice/v1/file_pb.ts";
import type { CopyFileRequest } from "../../commands/files/copy-file.ts";
import { fromFileName, fromFileValues } from "./file-message.ts";
import { fromOptionalInt64 } from "./int64.ts";

/** What CopyFile and StartCopy ask for. Throws as `fromOptionalInt64`. */
export function fromCopyMessage(request: Omit<WireRequest, "$typeName" | "$unknown">): CopyFileRequest {
  const { requestId, targetPath, etag, override = create(FileSchema), updateMask } = request;
  return {
    requestId,
    ...fromFileName(request),
    targetPath,
    etag,
    values: fromFileValues(override),
    updateMask: updateMask?.paths,
    ...fromTargetCondition(request),
  };
}

/** The generation that must be at the target of a copy or a move. Throws as `fromOptionalInt64`. */
export function fromTargetCondition(request: { ifTargetGenerationMatch?: bigint | undefined }): {
  ifTargetGenerationMatch?: number;
} {
  const generation = fromOptionalInt64(request.ifTargetGenerationMatch, "if_target_generation_match");
  return generation === undefined ? {} : { ifTargetGenerationMatch: generation };
}
