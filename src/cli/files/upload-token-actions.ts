import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { UploadToken } from "../../../gen/sluice/v1/upload_token_pb.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { formatBytes, formatTime } from "../terminal/human-units.ts";
import { printJson, printLine, printNote, type Terminal } from "../terminal/terminal.ts";

/** `sluice upload-token create <place>`: prints the token alone on standard output, and what it allows on standard error. */
export async function runCreateUploadToken(
  terminal: Terminal,
  place: string,
  options: ConnectionOptions & {
    json: boolean;
    sizeMax?: number;
    uploads?: number;
    onlyNew: boolean;
    lifetime?: number;
  },
): Promise<void> {
  const { namespace, json, sizeMax, uploads, onlyNew, lifetime } = options;
  await withClient(terminal, options, async (client) => {
    const { token, uploadToken } = await client.createUploadToken({
      ...(place.endsWith("/") ? { prefix: place } : { path: place }),
      namespace,
      onlyNewFiles: onlyNew,
      signal: terminal.signal,
      ...(sizeMax !== undefined && { sizeMaxBytes: sizeMax }),
      ...(uploads !== undefined && { uploadsMax: uploads }),
      ...(lifetime !== undefined && { lifetimeMs: lifetime }),
    });
    if (json) return printJson(terminal, { ...toJson(uploadToken), token });
    printLine(terminal, token);
    printNote(terminal, describe(uploadToken));
  });
}

function describe({ place, sizeMaxBytes, uploadsMax, onlyNewFiles, expireTime }: UploadToken): string {
  const where = `${place.case === "prefix" ? "paths below " : ""}${place.value}`;
  const files = `${uploadsMax} ${uploadsMax === 1 ? "upload" : "uploads"} of at most ${formatBytes(Number(sizeMaxBytes))}`;
  const until = expireTime === undefined ? "" : `, begun before ${formatTime(timestampDate(expireTime))}`;
  return `allows ${files} to ${where}${onlyNewFiles ? ", as new files" : ""}${until}`;
}

function toJson(uploadToken: UploadToken): Record<string, unknown> {
  const { tokenId, namespace, place, sizeMaxBytes, uploadsMax, onlyNewFiles, expireTime, principal } = uploadToken;
  return {
    tokenId,
    namespace,
    ...(place.case !== undefined && { [place.case]: place.value }),
    sizeMaxBytes: Number(sizeMaxBytes),
    uploadsMax,
    onlyNewFiles,
    ...(expireTime && { expireTime: timestampDate(expireTime).toISOString() }),
    principal,
  };
}
