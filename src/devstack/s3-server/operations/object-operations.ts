import { parseByteRange } from "../protocol/byte-range.ts";
import { encodeCrc32 } from "../protocol/crc32.ts";
import type { Answer, Exchange } from "../protocol/exchange.ts";
import { assertWritable, judgeReadConditions, readWriteConditions } from "../protocol/preconditions.ts";
import { receiveText } from "../protocol/receive-text.ts";
import type { RequestTarget } from "../protocol/request-target.ts";
import { S3Error } from "../protocol/s3-error.ts";
import { element, parseItems, xmlDocument } from "../protocol/xml.ts";
import type { ObjectRecord } from "../storage/records.ts";
import { idOf } from "../storage/version-history.ts";
import { describeObject, ENCRYPTION_HEADERS, readDescription, readOverrides, versionHeaders } from "./description.ts";
import { receiveBlob } from "./receive-blob.ts";
import type { S3State } from "./state.ts";

const DELETE_MAX_KEYS = 1000;

/** PutObject: the object is visible once its bytes are verified and its conditions hold, and not before. */
export async function putObject(state: S3State, exchange: Exchange): Promise<Answer> {
  const { bucket, key } = exchange.target;
  const description = readDescription(exchange.headers);
  const conditions = readWriteConditions(exchange.headers);
  // Checked before the body too, so that a doomed upload is refused early.
  assertWritable(state.catalog.findObject(bucket, key), conditions);
  return await receiveBlob(state, exchange, false, (blob) => {
    const object: ObjectRecord = {
      key,
      sizeBytes: blob.sizeBytes,
      etag: blob.etag,
      lastModified: state.now(),
      description,
      segments: [blob.segment],
      ...(blob.crc32 !== undefined && { checksum: { value: encodeCrc32(blob.crc32), type: "FULL_OBJECT" as const } }),
    };
    const version = versionHeaders(state.catalog.putObject(bucket, object, conditions));
    return {
      status: 200,
      headers: { etag: object.etag, ...ENCRYPTION_HEADERS, ...version, ...checksumHeaders(object) },
    };
  });
}

/** GetObject and HeadObject: conditions, one byte range, and headers overridden by the query. */
export function readObject(state: S3State, { target, headers, operation }: Exchange): Answer {
  const object = findVersion(state, target);
  const described = { ...describeObject(object), ...readOverrides(target.query) };
  if (judgeReadConditions(headers, object) === "not-modified") return { status: 304, headers: described };
  const range = parseByteRange(headers.get("range"), object.sizeBytes);
  const { offset, length } = range ?? { offset: 0, length: object.sizeBytes };
  const answer: Answer = {
    status: range === undefined ? 200 : 206,
    headers: {
      ...described,
      "content-length": String(length),
      ...(range !== undefined && { "content-range": `bytes ${offset}-${offset + length - 1}/${object.sizeBytes}` }),
      // The checksum is of the whole object, so a client would take it for wrong on a range.
      ...(range === undefined && headers.get("x-amz-checksum-mode") === "ENABLED" && checksumHeaders(object)),
    },
  };
  if (operation === "HeadObject") return answer;
  const chunks = state.blobs.read(object.segments, offset, length);
  state.blobs.retain(object.segments);
  return { ...answer, body: { sizeBytes: length, chunks, release: () => state.blobs.release(object.segments) } };
}

/** The version that a read names, else the object that readers see. */
export function findVersion(
  state: S3State,
  { bucket, key, query }: Pick<RequestTarget, "bucket" | "key" | "query">,
): ObjectRecord {
  const versionId = query.get("versionId");
  if (versionId === undefined) return state.catalog.getObject(bucket, key);
  const record = state.catalog.findVersion(bucket, key, versionId);
  if (record === undefined) {
    throw new S3Error("NoSuchVersion", "The specified version does not exist.", { Key: key, VersionId: versionId });
  }
  if (!("isDeleteMarker" in record)) return record;
  throw new S3Error("MethodNotAllowed", "The specified method is not allowed against this resource.", {
    ResourceType: "DeleteMarker",
  });
}

/** DeleteObject: no error when there is nothing to delete. One version for good, or what the bucket makes of a deletion. */
export function deleteObject(state: S3State, { target, headers }: Exchange): Answer {
  const { bucket, key, query } = target;
  const { mustMatch } = readWriteConditions(headers);
  const versionId = query.get("versionId");
  if (versionId !== undefined) {
    state.catalog.deleteVersion(bucket, key, versionId);
    return { status: 204, headers: { "x-amz-version-id": versionId } };
  }
  const marker = state.catalog.deleteObject(bucket, key, {
    conditions: { mustBeAbsent: false, mustMatch },
    now: state.now(),
  });
  if (marker === undefined) return { status: 204 };
  return { status: 204, headers: { "x-amz-delete-marker": "true", "x-amz-version-id": idOf(marker) } };
}

/** DeleteObjects: up to 1,000 keys; `Quiet` leaves the deleted ones out of the answer. */
export async function deleteObjects(state: S3State, exchange: Exchange): Promise<Answer> {
  const { bucket } = exchange.target;
  state.catalog.assertBucket(bucket);
  const body = await receiveText(state, exchange);
  const entries = parseItems(body, "Delete", "Object");
  if (entries.length === 0 || entries.length > DELETE_MAX_KEYS) {
    throw new S3Error("MalformedXML", `a delete request names 1 to ${DELETE_MAX_KEYS} keys, not ${entries.length}`);
  }
  const keys = entries.map((entry) => {
    if (!entry.Key) throw new S3Error("MalformedXML", "an <Object> has no <Key>");
    return entry.Key;
  });
  const conditions = { mustBeAbsent: false, mustMatch: undefined };
  for (const { Key: key = "", VersionId: versionId } of entries) {
    if (versionId === undefined) state.catalog.deleteObject(bucket, key, { conditions, now: state.now() });
    else state.catalog.deleteVersion(bucket, key, versionId);
  }
  const isQuiet = /<Quiet>\s*true\s*<\/Quiet>/.test(body);
  const deleted = isQuiet ? [] : keys.map((key) => element("Deleted", element("Key", key)));
  return { status: 200, body: xmlDocument("DeleteResult", ...deleted) };
}

function checksumHeaders({ checksum }: ObjectRecord): Record<string, string> {
  if (checksum === undefined) return {};
  return { "x-amz-checksum-crc32": checksum.value, "x-amz-checksum-type": checksum.type };
}
