import { LINK_LIMITS } from "../../domain/links/link.ts";
import type { LinkRepository, LinkVisitor, OpenedLink } from "../../domain/links/link-repository.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import type { BucketRegions } from "../../domain/residency.ts";
import { toContentDisposition } from "../files/create-download-url.ts";
import { hashLinkToken } from "./create-link.ts";

/** A redirect is followed at once; a URL that somebody copies out of it is soon worth nothing. */
const URL_LIFETIME_MS = 60_000;
/** Tokens have 43 characters; nothing longer is hashed. */
const TOKEN_MAX_CHARACTERS = 64;

/** What a visitor is told: where the bytes are and for how long, or why there are none. */
export type LinkAnswer =
  | { kind: "redirect"; url: string }
  | { kind: "described"; contentType: string; contentDisposition: string; sizeBytes: number }
  | { kind: "ended" }
  | { kind: "nothing" };

/**
 * Opens a link: counts and records the use (the last ones of each link), and signs a URL that lives for a minute. Without a visitor (HEAD) nothing is
 * counted, and so no URL given. A use is counted even if signing then fails: the other order would let a caller that breaks
 * off read for nothing. Errors: `failed_precondition /
 * RESIDENCY_VIOLATION`, and those of the database and the storage.
 */
export async function openLink(
  deps: {
    links: Pick<LinkRepository, "peek" | "use">;
    objects: Pick<ObjectStore, "presignDownload">;
    namespaces: Namespaces;
    regions: BucketRegions;
  },
  token: string,
  visitor: LinkVisitor | undefined,
): Promise<LinkAnswer> {
  if (token.length > TOKEN_MAX_CHARACTERS) return { kind: "nothing" };
  const tokenSha256 = hashLinkToken(token);
  const opened =
    visitor === undefined
      ? await deps.links.peek(tokenSha256)
      : await deps.links.use(tokenSha256, toKeptVisitor(visitor));
  if (opened.kind !== "file") return opened;
  const { file } = opened;
  const { contentType, sizeBytes } = file;
  const contentDisposition = toDisposition(opened);
  if (visitor === undefined) return { kind: "described", contentType, sizeBytes, contentDisposition };
  const namespace = requireNamespace(deps.namespaces, file.namespace);
  deps.regions.assertResident(namespace);
  deps.regions.assertResident(namespace, file);
  const url = await deps.objects.presignDownload(file.bucket, file.s3Key, {
    ...(file.s3VersionId !== "" && { versionId: file.s3VersionId }),
    lifetimeMs: Math.min(URL_LIFETIME_MS, namespace.downloadUrlLifetimeMaxMs),
    contentType,
    contentDisposition,
  });
  return { kind: "redirect", url };
}

function toDisposition({ link, file }: Extract<OpenedLink, { kind: "file" }>): string {
  const name = link.downloadName === "" ? file.path.slice(file.path.lastIndexOf("/") + 1) : link.downloadName;
  return toContentDisposition(name, { inline: link.inline, contentType: file.contentType });
}

/** The browser's description cut to its bound, without what is not printable ASCII: people read it later. */
function toKeptVisitor({ sourceAddress, userAgent }: LinkVisitor): LinkVisitor {
  const kept = userAgent.slice(0, LINK_LIMITS.userAgentMaxCharacters).replaceAll(/[^\x20-\x7e]/g, "?");
  return { sourceAddress, userAgent: kept };
}
