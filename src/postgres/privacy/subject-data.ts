import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import type { SubjectData, SubjectItem, SubjectKind } from "../../domain/privacy/subject-data.ts";
import { entryColumns, entryRow, toEntry } from "../journal/journal.ts";
import { linkColumns, linkRow, toLink } from "../links/link-repository.ts";
import { atBorder } from "../pool/errors.ts";
import { fileColumns, fileRow, toFile } from "../rows/file-rows.ts";
import { toUpload, uploadColumns, uploadRow } from "../rows/upload-rows.ts";

interface Page {
  namespace: string;
  dataSubject: string;
  after: string;
  limit: number;
}

/** What is kept about people in PostgreSQL. */
export function createSubjectData(pool: DatabasePool): SubjectData {
  const data: SubjectData = {
    list: (namespace, dataSubject, { kind, ...page }) => LISTS[kind](pool, { namespace, dataSubject, ...page }),
  };
  return atBorder<SubjectData>(data);
}

const LISTS = {
  file: listFiles,
  upload: listUploads,
  link: listLinks,
  entry: listEntries,
} satisfies Record<SubjectKind, (pool: CommonQueryMethods, page: Page) => Promise<SubjectItem[]>>;

const isBehind = (id: ReturnType<typeof sql.fragment>, after: string) =>
  after === "" ? sql.fragment`true` : sql.fragment`${id} > ${after}::uuid`;

const aboutFiles = ({ namespace, dataSubject }: Page) =>
  sql.fragment`f.namespace = ${namespace} AND f.data_subject = ${dataSubject} AND f.data_subject <> ''`;

async function listFiles(pool: CommonQueryMethods, page: Page): Promise<SubjectItem[]> {
  const rows = await pool.any(sql.type(fileRow)`
    SELECT ${fileColumns} FROM file f WHERE ${aboutFiles(page)} AND ${isBehind(sql.fragment`f.file_id`, page.after)}
    ORDER BY f.file_id LIMIT ${page.limit}`);
  return rows.map((row) => ({ kind: "file", id: row.file_id, file: toFile(row) }));
}

async function listUploads(
  pool: CommonQueryMethods,
  { namespace, dataSubject, after, limit }: Page,
): Promise<SubjectItem[]> {
  const rows = await pool.any(sql.type(uploadRow)`
    SELECT ${uploadColumns} FROM upload u
    WHERE u.namespace = ${namespace} AND u.data_subject = ${dataSubject} AND u.data_subject <> ''
      AND ${isBehind(sql.fragment`u.upload_id`, after)}
    ORDER BY u.upload_id LIMIT ${limit}`);
  return rows.map((row) => ({ kind: "upload", id: row.upload_id, upload: toUpload(row, undefined) }));
}

async function listLinks(pool: CommonQueryMethods, page: Page): Promise<SubjectItem[]> {
  const rows = await pool.any(sql.type(linkRow)`
    SELECT ${linkColumns} FROM link l
    WHERE l.namespace = ${page.namespace} AND ${isBehind(sql.fragment`l.link_id`, page.after)} AND EXISTS (
      SELECT FROM file f WHERE ${aboutFiles(page)} AND f.path = l.path AND (l.generation IS NULL OR l.generation = f.generation))
    ORDER BY l.link_id LIMIT ${page.limit}`);
  return rows.map((row) => ({ kind: "link", id: row.link_id, link: toLink(row) }));
}

async function listEntries(pool: CommonQueryMethods, page: Page): Promise<SubjectItem[]> {
  const { namespace, dataSubject, after, limit } = page;
  const rows = await pool.any(sql.type(entryRow)`
    WITH about AS (
      SELECT p.entry_time, p.entry_id FROM journal_personal p
      WHERE p.namespace = ${namespace} AND p.data_subject = ${dataSubject} AND p.data_subject <> ''
      UNION
      SELECT p.entry_time, p.entry_id FROM journal_personal p
      WHERE p.namespace = ${namespace} AND p.before ->> 'data_subject' = ${dataSubject} AND p.before ->> 'data_subject' <> ''
      UNION
      SELECT e.entry_time, e.entry_id FROM file f JOIN journal_entry e ON e.namespace = f.namespace AND e.resource_id = f.file_id
      WHERE ${aboutFiles(page)}
    )
    SELECT ${entryColumns} FROM about a
    JOIN journal_number n ON n.entry_time = a.entry_time AND n.entry_id = a.entry_id
    JOIN journal_entry e ON e.entry_time = a.entry_time AND e.entry_id = a.entry_id
    JOIN journal_personal p ON p.entry_time = a.entry_time AND p.entry_id = a.entry_id
    WHERE n.sequence > ${after === "" ? 0 : Number(after)}::bigint
    ORDER BY n.sequence LIMIT ${limit}`);
  return rows.map((row) => ({ kind: "entry", id: String(row.sequence), entry: toEntry(row) }));
}
