import { create, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type FileQueryService,
  GetFileResponseSchema,
  ListFilesResponseSchema,
  ListGenerationsResponseSchema,
  ListLinksResponseSchema,
  type ReadFileRequestSchema,
  type ReadFileResponseSchema,
  SearchFilesResponseSchema,
} from "../../../gen/sluice/v1/file_query_service_pb.ts";
import type { File } from "../../domain/files/file.ts";
import type { Link } from "../../domain/links/link.ts";
import type { GetFileRequest } from "../../queries/get-file.ts";
import type { ListFilesPage, ListFilesRequest } from "../../queries/list-files.ts";
import type { ListGenerationsRequest } from "../../queries/list-generations.ts";
import type { ListLinksRequest } from "../../queries/list-links.ts";
import type { ReadFileEvent, ReadFileRequest } from "../../queries/read-file.ts";
import type { SearchFilesRequest } from "../../queries/search-files.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import { fromFileName, toFileMessage } from "../messages/file-message.ts";
import { fromInt64, fromOptionalInt64 } from "../messages/int64.ts";
import { toLinkMessage } from "../messages/link-message.ts";

/** The functions that FileQueryService calls: the queries with their dependencies bound. */
export interface FileQueryFunctions {
  getFile(request: GetFileRequest, options: CallOptions): Promise<File>;
  listFiles(request: ListFilesRequest, options: CallOptions): Promise<ListFilesPage>;
  searchFiles(request: SearchFilesRequest, options: CallOptions): Promise<{ files: File[]; nextPageToken: string }>;
  listGenerations(
    request: ListGenerationsRequest,
    options: CallOptions,
  ): Promise<{ files: File[]; nextPageToken: string }>;
  listLinks(request: ListLinksRequest, options: CallOptions): Promise<{ links: Link[]; nextPageToken: string }>;
  readFile(request: ReadFileRequest, options: CallOptions): AsyncIterable<ReadFileEvent>;
}

/** FileQueryService for Connect: protobuf in, protobuf out. */
export function createFileQueryService(functions: FileQueryFunctions): ServiceImpl<typeof FileQueryService> {
  return {
    getFile: async (request, context) => {
      const file = await functions.getFile(fromFileName(request), toCallOptions(context));
      return create(GetFileResponseSchema, { file: toFileMessage(file) });
    },
    listFiles: async ({ $typeName: _, ...request }, context) => {
      const { files, ...rest } = await functions.listFiles(request, toCallOptions(context));
      return create(ListFilesResponseSchema, { files: files.map(toFileMessage), ...rest });
    },
    searchFiles: async ({ $typeName: _, ...request }, context) => {
      const { files, nextPageToken } = await functions.searchFiles(request, toCallOptions(context));
      return create(SearchFilesResponseSchema, { files: files.map(toFileMessage), nextPageToken });
    },
    listGenerations: async ({ $typeName: _, ...request }, context) => {
      const { files, nextPageToken } = await functions.listGenerations(request, toCallOptions(context));
      return create(ListGenerationsResponseSchema, { files: files.map(toFileMessage), nextPageToken });
    },
    listLinks: async ({ namespace, path, pageSize, pageToken, showEnded }, context) => {
      const request = { namespace, path, pageSize, pageToken, showEnded };
      const { links, nextPageToken } = await functions.listLinks(request, toCallOptions(context));
      return create(ListLinksResponseSchema, { links: links.map(toLinkMessage), nextPageToken });
    },
    async *readFile(request, context) {
      const events = functions.readFile(toReadRequest(request), toCallOptions(context));
      for await (const event of events) yield toReadFileResponse(event);
    },
  };
}

/** The request of ReadFile from its message. */
export function toReadRequest(message: MessageShape<typeof ReadFileRequestSchema>): ReadFileRequest {
  const limitBytes = fromOptionalInt64(message.limitBytes, "limit_bytes");
  return {
    ...fromFileName(message),
    offset: fromInt64(message.offset, "offset"),
    ...(limitBytes !== undefined && { limitBytes }),
  };
}

/** The message of an event of ReadFile. A chunk's bytes are copied into one piece. */
export function toReadFileResponse(event: ReadFileEvent): MessageInitShape<typeof ReadFileResponseSchema> {
  switch (event.kind) {
    case "header": {
      const { file, offset, sizeBytes } = event;
      const value = { file: toFileMessage(file), offset: BigInt(offset), sizeBytes: BigInt(sizeBytes) };
      return { message: { case: "header", value } };
    }
    case "chunk": {
      const { offset, crc32, bytes, sizeBytes } = event;
      const data = Buffer.concat(bytes.pieces, sizeBytes);
      bytes.giveBack();
      return { message: { case: "chunk", value: { offset: BigInt(offset), crc32, data } } };
    }
    case "end":
      return { message: { case: "end", value: { crc32: event.crc32, sizeBytes: BigInt(event.sizeBytes) } } };
  }
}
