import { create } from "@bufbuild/protobuf";
import { CompleteUploadResponseSchema, UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import type { CreateUploadRequest } from "../../commands/uploads/create-upload.ts";
import { formatCommitPosition, POSITION_HEADER } from "../../domain/commit-position.ts";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import { type File, toFileEtag } from "../../domain/files/file.ts";
import type { CallOptions } from "../../rpc/calls/caller-context.ts";
import { nameCall } from "../../rpc/calls/name-call.ts";
import { headerOf } from "../../rpc/listener/node-messages.ts";
import { toFileMessage, toReceiptMessage } from "../../rpc/messages/file-message.ts";
import type { ApiOptions } from "../../rpc/router.ts";
import { answerMessage, assertAcceptable, toMessageJson } from "../answers.ts";
import type { Serve } from "../method-routes.ts";
import { matchesStrongly, parseEtagCondition, toEtagMismatch } from "../requests/conditional-request.ts";
import { assertNotEncoded } from "../requests/read-body.ts";
import { requestIdOf } from "../requests/request-id.ts";
import { positionOf, type RestCall } from "../requests/rest-call.ts";
import { parseFileHeaders } from "./file-headers.ts";
import { receiveFile } from "./receive-file.ts";

/**
 * Serves `PUT …/files/{path}`: the body becomes the file. The status is 201 when there was no file and 200 when it was
 * replaced; of an upload token it is always 201. The body may come without a Content-Length. If-None-Match and If-Match are kept by the generation: it is checked
 * before the body is read, and the commit compares it again.
 */
export function createFilePut(
  options: Pick<ApiOptions, "authenticate" | "fileQueries" | "uploads" | "markCommit">,
): Serve {
  const { authenticate, fileQueries, uploads, markCommit } = options;
  return async (call) => {
    const { request, signal } = call;
    nameCall(UploadService.method.writeUpload);
    assertAcceptable(request, "application/json");
    assertNotEncoded(request);
    for (const [name] of call.query) {
      throw invalidArgument(name.slice(0, 100), "a PUT takes no query parameters; headers describe the file");
    }
    const caller = await authenticate((name) => headerOf(request, name), request.socket.remoteAddress);
    const { sizeBytes, ...described } = describe(call);
    const { hadFile, ifGenerationMatch } = await checkConditions(fileQueries, call, {
      caller,
      position: positionOf(request),
      signal,
    });
    const create = { ...described, sizeBytes, ...(ifGenerationMatch !== undefined && { ifGenerationMatch }) };
    const declared = { crc32: described.crc32, sha256: described.sha256 };
    const file = await receiveFile(uploads.beginWrite, { create }, { call, caller, declared });
    const position = await markCommit(caller);
    if (position !== undefined) call.response.setHeader(POSITION_HEADER, formatCommitPosition(position));
    answerFile(call, file, { status: hadFile ? 200 : 201 });
  };
}

function describe({ request, variables, arrival }: RestCall): CreateUploadRequest {
  return {
    ...parseFileHeaders(request),
    requestId: requestIdOf(request),
    namespace: variables.get("namespace") ?? "",
    path: variables.get("path") ?? "",
    sizeBytes: arrival.declaredBytes,
  };
}

/** Throws 412 when a precondition fails now. Otherwise returns the generation that must still be the path's at the commit. */
async function checkConditions(
  fileQueries: Pick<ApiOptions["fileQueries"], "getFile">,
  { request, variables }: RestCall,
  options: CallOptions,
): Promise<{ hadFile: boolean; ifGenerationMatch?: number }> {
  const ifMatch = parseEtagCondition(request, "if-match");
  const ifNoneMatch = parseEtagCondition(request, "if-none-match");
  if (ifMatch === undefined && ifNoneMatch === "*") return { hadFile: false, ifGenerationMatch: 0 };
  if (options.caller.uploadToken !== undefined) return assertUnconditional(ifMatch ?? ifNoneMatch);
  const name = { namespace: variables.get("namespace") ?? "", path: variables.get("path") ?? "" };
  const file = await fileQueries.getFile(name, options).catch(toNothing);
  // Either the tag of the metadata or that of the bytes may be given: a PUT replaces both.
  const tags = file === undefined ? [] : [toFileEtag(file), file.fileId];
  const { generation = 0 } = file ?? {};
  const hadFile = file !== undefined;
  if (ifMatch !== undefined) {
    if (!tags.some((tag) => matchesStrongly(ifMatch, tag))) throw toEtagMismatch(tags[0]);
    return { hadFile, ifGenerationMatch: generation };
  }
  if (ifNoneMatch === undefined || ifNoneMatch === "*") return { hadFile };
  if (ifNoneMatch.some(({ etag }) => tags.includes(etag))) throw toEtagMismatch(tags[0]);
  return { hadFile, ifGenerationMatch: generation };
}

/** An upload token does not tell which files exist: a tag has nothing to be compared with, and the answer is always 201. */
function assertUnconditional(condition: unknown): { hadFile: false } {
  if (condition === undefined) return { hadFile: false };
  const message =
    "an upload token compares no etags, because it does not tell which files exist; send If-None-Match: * with a token that makes new files only, or no condition";
  throw new DomainError("permission_denied", message, { reason: "PERMISSION_DENIED" });
}

function toNothing(error: unknown): undefined {
  if (error instanceof DomainError && error.reason === "FILE_NOT_FOUND") return undefined;
  throw error;
}

/** Answers as CompleteUpload does, and adds the URL of the file. */
function answerFile(call: RestCall, file: File, { status }: { status: 200 | 201 }): void {
  const message = create(CompleteUploadResponseSchema, { file: toFileMessage(file), receipt: toReceiptMessage(file) });
  const path = file.path.split("/").map(encodeURIComponent).join("/");
  const location = `/v1/namespaces/${encodeURIComponent(file.namespace)}/files/${path}`;
  answerMessage(call, {
    message,
    json: toMessageJson(CompleteUploadResponseSchema, message),
    status,
    headers: { location },
  });
}
