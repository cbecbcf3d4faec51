import { invalidArgument } from "../../domain/errors.ts";
import { toLifetimeSeconds } from "../../domain/files/download-lifetime.ts";
import type { File } from "../../domain/files/file.ts";
import { DESCRIPTION_LIMITS } from "../../domain/files/file-description.ts";
import { TEXT_DIRECTION } from "../../domain/files/file-path.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { isShownSafely } from "../../domain/files/inline-types.ts";
import { requireReadable } from "../../domain/files/readable-file.ts";
import type { Namespace, Namespaces } from "../../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import { type BucketRegions, requireResident } from "../../domain/residency.ts";
import { type GetFileRequest, getFile } from "../../queries/get-file.ts";
import type { QueryOptions } from "../../queries/query-options.ts";

/** A type, a subtype and parameters (RFC 9110, 8.3.1); nothing in it can end a header. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\w !#$&^.+/:;=,()-]*"))*$/;

/** Longest name that a browser is told to save a file under, in bytes: what file systems take. */
const DOWNLOAD_NAME_MAX_BYTES = 255;

/** Which file, for how long, and what a browser does with it. */
export interface CreateDownloadUrlRequest extends GetFileRequest {
  /** Whole seconds, in milliseconds; the namespace's limit when undefined. */
  lifetimeMs?: number;
  /** Empty takes the last segment of the path. */
  downloadName: string;
  /** Show instead of save, where the media type is one that runs nothing. */
  inline: boolean;
  /** What S3 answers with; empty takes that of the file. */
  contentType: string;
}

/**
 * Signs a URL that gives the bytes of a file to whoever holds it, straight from S3, until it expires. A deleted file
 * gets none, also when its generation is named: a URL would outlast the deletion. Errors: `not_found /
 * FILE_NOT_FOUND`, `failed_precondition / RESIDENCY_VIOLATION`, `invalid_argument / ARGUMENT_INVALID` for the lifetime, the name or
 * the media type.
 */
export async function createDownloadUrl(
  deps: {
    files: Pick<FileRepository, "get">;
    objects: Pick<ObjectStore, "presignDownload">;
    namespaces: Namespaces;
    regions: BucketRegions;
    now: () => Date;
  },
  request: CreateDownloadUrlRequest,
  options: QueryOptions,
): Promise<{ url: string; expireTime: Date; file: File }> {
  const namespace = requireResident(deps, request.namespace);
  const lifetimeMs = parseLifetime(request.lifetimeMs, namespace);
  assertDownloadName(request.downloadName);
  assertMediaType(request.contentType);
  const file = requireReadable(await getFile(deps, request, options));
  deps.regions.assertResident(namespace, file);
  const name = request.downloadName === "" ? file.path.slice(file.path.lastIndexOf("/") + 1) : request.downloadName;
  // SigV4 counts from a whole second, so this is never later than the moment at which S3 begins to refuse.
  const expireTime = new Date(Math.floor(deps.now().getTime() / 1000) * 1000 + lifetimeMs);
  const contentType = request.contentType === "" ? file.contentType : request.contentType;
  const url = await deps.objects.presignDownload(file.bucket, file.s3Key, {
    ...(file.s3VersionId !== "" && { versionId: file.s3VersionId }),
    lifetimeMs,
    contentType,
    contentDisposition: toContentDisposition(name, { inline: request.inline, contentType }),
  });
  return { url, expireTime, file };
}

/**
 * A Content-Disposition header (RFC 6266): inline where that is wanted and the media type is one that a browser shows safely,
 * or else attachment. The name in plain ASCII for old readers, and in UTF-8, percent-encoded as
 * RFC 8187 has it, when that loses something. Nothing but printable ASCII comes out, and no quote or backslash inside
 * the quotes, so no name can end the header or begin another parameter; and none of the characters that turn the direction
 * of text, which older paths may hold.
 */
export function toContentDisposition(
  saidName: string,
  { inline, contentType }: { inline: boolean; contentType: string },
): string {
  const type = inline && isShownSafely(contentType) ? "inline" : "attachment";
  const name = saidName.replaceAll(TEXT_DIRECTION, "_");
  const ascii = name.replaceAll(/[^\x20-\x7e]|["\\%]/gu, "_");
  const header = `${type}; filename="${ascii}"`;
  if (ascii === name) return header;
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${header}; filename*=UTF-8''${encoded}`;
}

function parseLifetime(lifetimeMs: number | undefined, namespace: Namespace): number {
  const { downloadUrlLifetimeMaxMs: lifetimeMaxMs } = namespace;
  if (lifetimeMs === undefined) return lifetimeMaxMs;
  if (toLifetimeSeconds(lifetimeMs) !== undefined && lifetimeMs <= lifetimeMaxMs) return lifetimeMs;
  const bound = `send whole seconds from 1 to ${lifetimeMaxMs / 1000}`;
  throw invalidArgument("lifetime", `lifetime is ${lifetimeMs / 1000} s; ${bound}`, {
    details: { lifetime_ms: lifetimeMs, lifetime_ms_max: lifetimeMaxMs },
  });
}

/** Refuses what is longer than a file's own media type may be, or is none; `invalid_argument` with the bound. */
function assertMediaType(contentType: string): void {
  const { contentTypeMaxBytes } = DESCRIPTION_LIMITS;
  if (contentType === "") return;
  if (contentType.length > contentTypeMaxBytes) {
    const message = `content_type has ${contentType.length} characters; the limit is ${contentTypeMaxBytes}`;
    throw invalidArgument("content_type", message, {
      details: { content_type_bytes: contentType.length, content_type_bytes_max: contentTypeMaxBytes },
    });
  }
  if (MEDIA_TYPE.test(contentType)) return;
  const shown = JSON.stringify(contentType.slice(0, 100));
  throw invalidArgument(
    "content_type",
    `content_type is ${shown}; send a media type such as "text/plain; charset=utf-8"`,
  );
}

/** `invalid_argument / ARGUMENT_INVALID` for a name that is too long, or could not stand in a header. */
export function assertDownloadName(name: string): void {
  const sizeBytes = Buffer.byteLength(name);
  if (sizeBytes > DOWNLOAD_NAME_MAX_BYTES) {
    throw invalidArgument(
      "download_name",
      `download_name has ${sizeBytes} bytes of UTF-8; the limit is ${DOWNLOAD_NAME_MAX_BYTES}`,
      { details: { download_name_bytes: sizeBytes, download_name_bytes_max: DOWNLOAD_NAME_MAX_BYTES } },
    );
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (!name.isWellFormed() || /[\u0000-\u001f\u007f-\u009f]/u.test(name)) {
    throw invalidArgument("download_name", "download_name holds a control character or a lone surrogate; leave it out");
  }
  if (name.search(TEXT_DIRECTION) >= 0) {
    const message = "download_name holds a character that turns the direction of text, such as U+202E; leave it out";
    throw invalidArgument("download_name", message);
  }
}
