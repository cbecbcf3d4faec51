import type { Interceptor } from "@connectrpc/connect";
import { FileCommandService } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import type { Caller } from "../../domain/caller.ts";
import { type CommitPosition, formatCommitPosition, POSITION_HEADER } from "../../domain/commit-position.ts";

import { callerIn } from "./caller-context.ts";

/** Calls that change no file, or do not change one by themselves. */
const UNCHANGING: ReadonlySet<unknown> = new Set([FileCommandService.method.createDownloadUrl]);

/** Adds a header with the commit position after the change to answers of commands on files; `markCommit` is `ApiOptions`'s. */
export function createPositionInterceptor(
  markCommit: (caller: Caller) => Promise<CommitPosition | undefined>,
): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    const isChange =
      (request.service.typeName === FileCommandService.typeName && !UNCHANGING.has(request.method)) ||
      request.method === UploadService.method.completeUpload;
    if (!isChange) return response;
    const position = await markCommit(callerIn(request.contextValues));
    if (position !== undefined) response.header.set(POSITION_HEADER, formatCommitPosition(position));
    return response;
  };
}
