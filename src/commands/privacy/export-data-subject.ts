import type { File } from "../../domain/files/file.ts";
import { type Namespace, type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import {
  SUBJECT_KINDS,
  type SubjectData,
  type SubjectItem,
  type SubjectKind,
} from "../../domain/privacy/subject-data.ts";
import type { BucketRegions } from "../../domain/residency.ts";
import { type PageRequest, parsePageSize } from "../../queries/file-page.ts";
import { fromNamePageToken, toNamePageToken } from "../../queries/page-token.ts";
import { toContentDisposition } from "../files/create-download-url.ts";
import { parseDataSubject } from "./erase-data-subject.ts";

/** About whom, and which page. */
export interface ExportDataSubjectRequest extends PageRequest {
  namespace: string;
  dataSubject: string;
}

/** One thing that is kept about a person; of a file whose bytes there are also a URL that gives them. */
export type ExportedItem = SubjectItem & { download?: { url: string; expireTime: Date } };

/** A page of them. */
export interface ExportedPage {
  items: ExportedItem[];
  /** Empty on the last. */
  nextPageToken: string;
}

/**
 * A page of all that is kept about a person in a namespace: generations of files, deleted and superseded ones too, then uploads, links, and
 * entries of the journal. A page has one kind, and may be short or empty although others follow. URLs live as long as the namespace allows;
 * there is none where the namespace's files must not lie. Errors: `invalid_argument / ARGUMENT_INVALID`, `PAGE_TOKEN_INVALID`.
 */
export async function exportDataSubject(
  deps: {
    subjects: SubjectData;
    objects: Pick<ObjectStore, "presignDownload">;
    namespaces: Namespaces;
    regions: BucketRegions;
    now: () => Date;
  },
  request: ExportDataSubjectRequest,
): Promise<ExportedPage> {
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  const limit = parsePageSize(request.pageSize);
  const listing = ["subject", namespace.name, request.dataSubject];
  const { kind, after } = request.pageToken === "" ? BEGIN : parsePlace(fromNamePageToken(request.pageToken, listing));
  const dataSubject = parseDataSubject(request.dataSubject);
  const found = await deps.subjects.list(namespace.name, dataSubject, { kind, after, limit });
  const items = await Promise.all(
    found.map(async (item) => {
      const download = item.kind === "file" ? await sign(deps, namespace, item.file) : undefined;
      return { ...item, ...(download !== undefined && { download }) };
    }),
  );
  const nextKind = SUBJECT_KINDS[SUBJECT_KINDS.indexOf(kind) + 1];
  const last = found.length < limit ? undefined : found.at(-1);
  const next = last !== undefined ? `${kind}:${last.id}` : nextKind && `${nextKind}:`;
  return { items, nextPageToken: next === undefined ? "" : toNamePageToken(next, listing) };
}

const BEGIN: { kind: SubjectKind; after: string } = { kind: "file", after: "" };

/** Tokens may be forged: what they say becomes values of a statement. Whoever forges one gets the beginning of a kind. */
function parsePlace(text: string): { kind: SubjectKind; after: string } {
  const [, name, after = ""] = /^([a-z]+):([0-9a-f-]*)$/.exec(text) ?? [];
  const kind = SUBJECT_KINDS.find((one) => one === name) ?? "file";
  const isPlace =
    kind === "entry" ? /^\d{1,15}$/.test(after) : /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(after);
  return { kind, after: isPlace ? after : "" };
}

async function sign(
  { objects, regions, now }: Pick<Parameters<typeof exportDataSubject>[0], "objects" | "regions" | "now">,
  namespace: Namespace,
  file: File,
): Promise<{ url: string; expireTime: Date } | undefined> {
  if (file.purgeState !== undefined || !namespace.allowedRegions.includes(file.region)) return undefined;
  regions.assertResident(namespace, file);
  const { contentType } = file;
  const lifetimeMs = namespace.downloadUrlLifetimeMaxMs;
  // As in CreateDownloadUrl.
  const expireTime = new Date(Math.floor(now().getTime() / 1000) * 1000 + lifetimeMs);
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  const url = await objects.presignDownload(file.bucket, file.s3Key, {
    ...(file.s3VersionId !== "" && { versionId: file.s3VersionId }),
    lifetimeMs,
    contentType,
    contentDisposition: toContentDisposition(name, { inline: false, contentType }),
  });
  return { url, expireTime };
}
