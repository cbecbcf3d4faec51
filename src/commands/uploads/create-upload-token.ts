import { v7 as uuidv7 } from "uuid";
import { findPrefixProblems } from "../../domain/access/grants.ts";
import { isPrefix, UPLOAD_TOKEN_LIMITS } from "../../domain/access/upload-token.ts";
import type { Caller, UploadToken } from "../../domain/caller.ts";
import { toActor } from "../../domain/deed.ts";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import { parseNewFilePath } from "../../domain/files/file-path.ts";
import { type Namespace, type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { UploadCatalogue } from "../../domain/uploads/upload-catalogue.ts";

/** What a token is to allow. */
export interface CreateUploadTokenRequest {
  namespace: string;
  /** As of UploadToken. */
  place: string;
  /** 0: what the namespace allows. */
  sizeMaxBytes: number;
  /** 0: one upload. */
  uploadsMax: number;
  onlyNewFiles: boolean;
  /** Undefined for the default. */
  lifetimeMs: number | undefined;
}

/** What tokens are made with. */
export interface UploadTokenAccess {
  namespaces: Namespaces;
  uploads: Pick<UploadCatalogue, "enterToken">;
  /** The caller as the token names them, with the groups that give them the right to write there. */
  toIssuer: (caller: Caller, namespace: string, place: string) => Caller;
  /** Signs what a token says; undefined where the service has no keys. */
  format: ((token: UploadToken) => string) | undefined;
  /** Longest lifetime of a token, in milliseconds. */
  lifetimeMaxMs: number;
}

/**
 * Makes a token by which somebody without any role uploads to one place. A token says all that it allows, so nothing is stored but
 * the journal's entry, and the database counts its uploads once there are some. Errors: `failed_precondition / UPLOAD_TOKENS_OFF` where the service
 * has no keys, `not_found / NAMESPACE_NOT_FOUND`, `invalid_argument / ARGUMENT_INVALID` or `PATH_INVALID` with the field and
 * its bound.
 */
export async function createUploadToken(
  access: UploadTokenAccess,
  request: CreateUploadTokenRequest,
  { caller }: { caller: Caller },
): Promise<{ token: string; said: UploadToken }> {
  const namespace = requireNamespace(access.namespaces, request.namespace);
  const { format } = access;
  if (format === undefined) {
    const message =
      "this service makes no upload tokens: whoever runs it sets SLUICE_TOKEN_KEYS to keys that sign them";
    throw new DomainError("failed_precondition", message, { reason: "UPLOAD_TOKENS_OFF" });
  }
  const place = parsePlace(request.place);
  const sizeMaxBytes = parseSizeMax(request.sizeMaxBytes, namespace);
  const uploadsMax = parseUploadsMax(request.uploadsMax);
  const lifetimeMs = parseLifetime(request.lifetimeMs, access.lifetimeMaxMs);
  const issuer = access.toIssuer(caller, namespace.name, place);
  const allowed = { place, sizeMaxBytes, uploadsMax, onlyNewFiles: request.onlyNewFiles };
  const token = { tokenId: uuidv7(), namespace: namespace.name, ...allowed, issuer };
  const expireTime = await access.uploads.enterToken(token, { lifetimeMs, actor: toActor(caller) });
  const said: UploadToken = { ...token, expireTime };
  return { token: format(said), said };
}

function parsePlace(place: string): string {
  if (!isPrefix(place)) return parseNewFilePath(place);
  const [problem] = place === "" ? [] : findPrefixProblems(place);
  if (problem !== undefined) throw invalidArgument("prefix", problem, { reason: "PATH_INVALID" });
  return place.normalize("NFC");
}

function parseSizeMax(sizeMaxBytes: number, { name, fileSizeMaxBytes }: Namespace): number {
  if (sizeMaxBytes === 0) return fileSizeMaxBytes;
  if (sizeMaxBytes >= 1 && sizeMaxBytes <= fileSizeMaxBytes) return sizeMaxBytes;
  const message = `size_max_bytes is ${sizeMaxBytes}; namespace ${name} takes files of 1 to ${fileSizeMaxBytes} bytes`;
  throw invalidArgument("size_max_bytes", message, {
    details: { size_max_bytes: sizeMaxBytes, size_bytes_max: fileSizeMaxBytes },
  });
}

function parseUploadsMax(uploadsMax: number): number {
  if (uploadsMax === 0) return 1;
  const bound = UPLOAD_TOKEN_LIMITS.uploadsMax;
  if (Number.isInteger(uploadsMax) && uploadsMax >= 1 && uploadsMax <= bound) return uploadsMax;
  throw invalidArgument("uploads_max", `uploads_max is ${uploadsMax}; send 1 to ${bound}`, {
    details: { uploads_max: uploadsMax, uploads_max_max: bound },
  });
}

function parseLifetime(lifetimeMs: number | undefined, lifetimeMaxMs: number): number {
  const { lifetimeMinMs, lifetimeDefaultMs } = UPLOAD_TOKEN_LIMITS;
  const wantedMs = lifetimeMs ?? Math.min(lifetimeDefaultMs, lifetimeMaxMs);
  if (wantedMs >= lifetimeMinMs && wantedMs <= lifetimeMaxMs) return wantedMs;
  const message = `lifetime is ${wantedMs / 1000} s; an upload token may live from 1 s to ${lifetimeMaxMs / 1000} s`;
  throw invalidArgument("lifetime", message, {
    details: { lifetime_ms: wantedMs, lifetime_ms_max: lifetimeMaxMs },
  });
}
