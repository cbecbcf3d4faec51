import { createHash, randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import type { Caller } from "../../domain/caller.ts";
import { toCommandIdentity } from "../../domain/command-identity.ts";
import { invalidArgument } from "../../domain/errors.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { requireReadable } from "../../domain/files/readable-file.ts";
import { LINK_LIMITS, type Link } from "../../domain/links/link.ts";
import type { LinkExpiry, LinkRepository } from "../../domain/links/link-repository.ts";
import type { Namespace, Namespaces } from "../../domain/namespaces/namespace.ts";
import { type BucketRegions, requireResident } from "../../domain/residency.ts";
import { type GetFileRequest, getFile } from "../../queries/get-file.ts";
import { assertDownloadName } from "../files/create-download-url.ts";

const TOKEN_BYTES = 32;
const LIFETIME_DEFAULT_MS = 86_400_000;
const LIFETIME_MIN_MS = 1000;

/** Which file to link to, and how long and often. */
export interface CreateLinkRequest extends GetFileRequest {
  requestId: string;
  /** Undefined with `expireTime`, or for the default. */
  lifetimeMs: number | undefined;
  expireTime: Date | undefined;
  /** 0 for any number. */
  maxUses: number;
  /** Empty takes the last segment of the path. */
  downloadName: string;
  inline: boolean;
  note: string;
}

/**
 * Makes a link that gives a file to whoever holds its URL. `url` is empty when the call repeats one whose link was used
 * already. Errors: `not_found / FILE_NOT_FOUND`, `failed_precondition / RESIDENCY_VIOLATION`, `invalid_argument / ARGUMENT_INVALID` with the field and its bound.
 */
export async function createLink(
  deps: {
    files: Pick<FileRepository, "get">;
    links: Pick<LinkRepository, "create" | "now">;
    namespaces: Namespaces;
    regions: BucketRegions;
    /** Where people reach the service, without a slash at the end. */
    publicUrl: string;
  },
  request: CreateLinkRequest,
  options: { caller: Caller; signal?: AbortSignal },
): Promise<{ link: Link; url: string }> {
  const namespace = requireResident(deps, request.namespace);
  const { lifetimeMs, maxUses, downloadName, inline, note } = request;
  const expiry = await parseExpiry(request, { namespace, links: deps.links });
  assertMaxUses(maxUses);
  assertDownloadName(downloadName);
  assertNote(note);
  const file = requireReadable(await getFile(deps, request, options));
  deps.regions.assertResident(namespace, file);
  const { path, generation, fileId } = file;
  const pinned = request.generation === undefined ? undefined : generation;
  const identity = toCommandIdentity(options.caller, "CreateLink", {
    namespace: namespace.name,
    requestId: request.requestId,
    content: [
      ...[path, pinned ?? null, lifetimeMs ?? null, request.expireTime?.toISOString() ?? null],
      ...[maxUses, downloadName, inline, note],
    ],
  });
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  const { link, isTokenSet } = await deps.links.create(
    {
      linkId: uuidv7(),
      namespace: namespace.name,
      path,
      fileId,
      generation: pinned,
      tokenSha256: hashLinkToken(token),
      principal: options.caller.principal,
      downloadName,
      inline,
      note,
      maxUses,
      expiry,
    },
    identity,
  );
  return { link, url: isTokenSet ? `${deps.publicUrl}/l/${token}` : "" };
}

/**
 * The database keeps this of a token: the SHA-256 of its text. A hash of the decoded bytes would not do: several texts
 * decode to equal bytes.
 */
export function hashLinkToken(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}

/**
 * When the link is to end. The database counts a lifetime and compares a time with its own clock, because that clock judges
 * the link.
 */
async function parseExpiry(
  { lifetimeMs, expireTime }: Pick<CreateLinkRequest, "lifetimeMs" | "expireTime">,
  { namespace, links }: { namespace: Namespace; links: Pick<LinkRepository, "now"> },
): Promise<LinkExpiry> {
  const { linkLifetimeMaxMs: lifetimeMaxMs } = namespace;
  const wantedMs =
    expireTime === undefined
      ? (lifetimeMs ?? Math.min(LIFETIME_DEFAULT_MS, lifetimeMaxMs))
      : expireTime.getTime() - (await links.now()).getTime();
  if (wantedMs >= LIFETIME_MIN_MS && wantedMs <= lifetimeMaxMs) {
    return expireTime === undefined ? { afterMs: wantedMs } : { at: expireTime };
  }
  const bound = `a link of namespace ${namespace.name} may live from 1 s to ${lifetimeMaxMs / 1000} s`;
  const [field, said] =
    expireTime === undefined
      ? ["lifetime", `lifetime is ${wantedMs / 1000} s`]
      : ["expire_time", `expire_time is ${wantedMs / 1000} s from now`];
  throw invalidArgument(field, `${said}; ${bound}`, {
    details: { lifetime_ms: wantedMs, lifetime_ms_max: lifetimeMaxMs },
  });
}

function assertMaxUses(maxUses: number): void {
  if (Number.isInteger(maxUses) && maxUses >= 0 && maxUses <= LINK_LIMITS.maxUses) return;
  const bound = `send 1 to ${LINK_LIMITS.maxUses}, or 0 for any number`;
  throw invalidArgument("max_uses", `max_uses is ${maxUses}; ${bound}`, {
    details: { max_uses: maxUses, max_uses_max: LINK_LIMITS.maxUses },
  });
}

function assertNote(note: string): void {
  const noteBytes = Buffer.byteLength(note);
  if (noteBytes > LINK_LIMITS.noteMaxBytes) {
    throw invalidArgument("note", `note has ${noteBytes} bytes; the limit is ${LINK_LIMITS.noteMaxBytes}`, {
      details: { note_bytes: noteBytes, note_bytes_max: LINK_LIMITS.noteMaxBytes },
    });
  }
  // Notes are printed on terminals, which obey control characters.
  if (!note.isWellFormed() || /\p{Cc}/u.test(note)) {
    throw invalidArgument("note", "note holds a control character or a lone surrogate; leave it out");
  }
}
