import { create } from "@bufbuild/protobuf";
import {
  CreateDownloadUrlRequestSchema,
  type CreateDownloadUrlResponse,
  FileCommandService,
} from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { assertDownloadName, toContentDisposition } from "../../commands/files/create-download-url.ts";
import { invalidArgument } from "../../domain/errors.ts";
import type { File } from "../../domain/files/file.ts";
import { requireReadable } from "../../domain/files/readable-file.ts";
import { nameCall } from "../../rpc/calls/name-call.ts";
import { answer, headerOf } from "../../rpc/listener/node-messages.ts";
import type { ApiOptions } from "../../rpc/router.ts";
import type { MethodCalls } from "../method-calls.ts";
import type { Serve } from "../method-routes.ts";
import { isNotModified, matchesStrongly, parseEtagCondition, toSeconds } from "../requests/conditional-request.ts";
import { positionOf, type RestCall } from "../requests/rest-call.ts";
import { RestRefusal } from "../requests/rest-refusal.ts";
import { chooseRange, type RangeChoice } from "./byte-range.ts";
import { sendBytes } from "./send-bytes.ts";

/** The query of `?alt=media`. */
interface MediaQuery {
  /** Whether to send the caller to S3 instead of sending the bytes. */
  redirect: boolean;
  generation: number | undefined;
  inline: boolean;
  /** When empty, the last segment of the path is used. */
  downloadName: string;
}

/**
 * Serves `GET …/files/{path}?alt=media`: a redirect to a fresh presigned URL, so that the bytes do not pass through the
 * service. With `redirect=false` it sends the bytes themselves, or one range of them. HEAD describes the bytes either way.
 * Requests without `alt=media` go to `serveMetadata`.
 *
 * The ETag of the bytes is strong and stays when only metadata changes. A file's name and content type cannot break out of
 * their headers, and browsers are told neither to guess the type nor to run the file.
 */
export function createFileMedia(
  { authenticate, fileQueries, answerStallMs }: Pick<ApiOptions, "authenticate" | "fileQueries" | "answerStallMs">,
  { calls, serveMetadata }: { calls: MethodCalls; serveMetadata: Serve },
): Serve {
  return async (call) => {
    const alt = call.query.find(([name]) => name === "alt")?.[1] ?? "json";
    if (alt !== "media") {
      if (alt !== "json") throw invalidArgument("alt", `alt is ${quote(alt)}; it is json or media`);
      return await serveMetadata({ ...call, query: call.query.filter(([name]) => name !== "alt") });
    }
    const query = parseMediaQuery(call.query);
    // The URL is signed for GET, so S3 would refuse a HEAD that follows the redirect: HEAD is answered here.
    if (query.redirect && call.request.method !== "HEAD") return await redirect(calls, call, query);
    nameCall(FileQueryService.method.readFile);
    const caller = await authenticate((name) => headerOf(call.request, name), call.request.socket.remoteAddress);
    const options = { caller, position: positionOf(call.request), signal: call.signal };
    const { namespace, path } = nameOf(call);
    const { generation } = query;
    const asked = { namespace, path, ...(generation !== undefined && { generation }) };
    const file = requireReadable(await fileQueries.getFile(asked, options));
    const range = answerHeaders(call, file, query);
    if (range === undefined) return;
    // The file is read by its generation, so that the bytes match the headers whatever is committed meanwhile.
    const wanted = { ...asked, generation: file.generation, offset: range.offset, limitBytes: range.sizeBytes };
    await sendBytes(call, fileQueries.readFile(wanted, options), { answerStallMs });
  };
}

async function redirect(calls: MethodCalls, call: RestCall, query: MediaQuery): Promise<void> {
  const { inline, downloadName, generation } = query;
  const message = create(CreateDownloadUrlRequestSchema, {
    ...nameOf(call),
    inline,
    downloadName,
    ...(generation !== undefined && { generation: BigInt(generation) }),
  });
  const { method } = FileCommandService;
  const { url } = (await calls.unary(method.createDownloadUrl, message, call)) as CreateDownloadUrlResponse;
  // The URL is a secret that works for a while, so no cache on the way may keep it.
  const headers = {
    location: url,
    "cache-control": "no-store",
    "content-length": "0",
  };
  answer(call.response, { status: 302, headers });
}

/** Sets status and headers. Answers when no bytes follow; otherwise returns the bytes to send. */
function answerHeaders(
  { request, response }: RestCall,
  file: File,
  query: MediaQuery,
): { offset: number; sizeBytes: number } | undefined {
  const validators = { etag: file.fileId, lastModified: file.createTime };
  const headers = toHeaders(file, query);
  if (isNotModified(request, validators)) {
    answer(response, { status: 304, headers });
    return undefined;
  }
  const choice = request.method === "GET" ? chooseBytes(request, file) : ({ kind: "whole" } as const);
  if (choice.kind === "unsatisfiable") throw toUnsatisfiable(headerOf(request, "range") ?? "", file.sizeBytes);
  const { offset, sizeBytes } = choice.kind === "part" ? choice : { offset: 0, sizeBytes: file.sizeBytes };
  headers["content-type"] = file.contentType;
  headers["content-length"] = String(sizeBytes);
  if (choice.kind === "part") {
    headers["content-range"] = `bytes ${offset}-${offset + sizeBytes - 1}/${file.sizeBytes}`;
  }
  const status = choice.kind === "part" ? 206 : 200;
  if (request.method === "HEAD" || sizeBytes === 0) {
    answer(response, { status, headers });
    return undefined;
  }
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  return { offset, sizeBytes };
}

/** The range that is asked for, unless If-Range says that it belongs to other bytes (RFC 9110, 13.1.5). */
function chooseBytes(request: RestCall["request"], file: File): RangeChoice {
  const ifRange = headerOf(request, "if-range");
  const range = chooseRange(headerOf(request, "range"), file.sizeBytes);
  if (ifRange === undefined) return range;
  const isSame = ifRange.includes('"')
    ? matchesStrongly(parseEtagCondition(request, "if-range") ?? [], file.fileId)
    : toSeconds(ifRange) === Math.floor(file.createTime.getTime() / 1000);
  return isSame ? range : { kind: "whole" };
}

function toHeaders(file: File, { inline, downloadName }: MediaQuery): Record<string, string> {
  const name = downloadName === "" ? file.path.slice(file.path.lastIndexOf("/") + 1) : downloadName;
  return {
    etag: `"${file.fileId}"`,
    "last-modified": file.createTime.toUTCString(),
    "accept-ranges": "bytes",
    "cache-control": "private, no-cache",
    "content-disposition": toContentDisposition(name, { inline, contentType: file.contentType }),
    "content-security-policy": "default-src 'none'; sandbox",
    "x-sluice-crc32": file.crc32.toString(16).padStart(8, "0"),
    ...(file.sha256 !== undefined && { "repr-digest": `sha-256=:${Buffer.from(file.sha256).toString("base64")}:` }),
  };
}

function parseMediaQuery(query: RestCall["query"]): MediaQuery {
  const found: MediaQuery = { redirect: true, generation: undefined, inline: false, downloadName: "" };
  const seen = new Set<string>();
  for (const [name, value] of query) {
    if (seen.has(name)) throw invalidArgument(name, `${name} is given twice; give it once`);
    seen.add(name);
    if (name === "redirect" || name === "inline") found[name] = parseBoolean(name, value);
    else if (name === "generation") found.generation = parseNumber(name, value);
    else if (name === "downloadName") found.downloadName = value;
    else if (name !== "alt") {
      const field = name.slice(0, 100);
      throw invalidArgument(field, `${quote(name)} is no query parameter of the bytes of a file`);
    }
  }
  assertDownloadName(found.downloadName);
  return found;
}

function parseBoolean(name: string, value: string): boolean {
  if (value === "true" || value === "false") return value === "true";
  throw invalidArgument(name, `${name} is ${quote(value)}; it is true or false`);
}

function parseNumber(name: string, value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw invalidArgument(name, `${name} is ${quote(value)}; it is a whole number`);
}

function toUnsatisfiable(range: string, sizeBytes: number): RestRefusal {
  const message = `the range ${quote(range)} begins behind the last byte; the file has ${sizeBytes} bytes`;
  return new RestRefusal("RANGE_INVALID", message, {
    details: { range: range.slice(0, 100), size_bytes: sizeBytes },
    headers: { "content-range": `bytes */${sizeBytes}` },
  });
}

function nameOf({ variables }: RestCall): { namespace: string; path: string } {
  return { namespace: variables.get("namespace") ?? "", path: variables.get("path") ?? "" };
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
