import { createHash } from "node:crypto";
import { decodeCrc32, encodeCrc32 } from "../protocol/crc32.ts";
import type { Answer, Exchange } from "../protocol/exchange.ts";
import { quoteEtag, readWriteConditions } from "../protocol/preconditions.ts";
import { receiveText } from "../protocol/receive-text.ts";
import { S3Error } from "../protocol/s3-error.ts";
import { element, parseItems, xmlDocument } from "../protocol/xml.ts";
import type { ChecksumType, ObjectRecord } from "../storage/records.ts";
import { assembleObject, type CompletionRequest } from "./assemble-object.ts";
import { ENCRYPTION_HEADERS, readDescription, versionHeaders } from "./description.ts";
import { receiveBlob } from "./receive-blob.ts";
import type { S3State } from "./state.ts";

const PART_NUMBER_MAX = 10_000;

/** CreateMultipartUpload, with an optional CRC32 that is `COMPOSITE` unless `FULL_OBJECT` is asked for. */
export function createMultipartUpload(state: S3State, { target, headers }: Exchange): Answer {
  const checksumType = readChecksumType(headers);
  const upload = state.catalog.createUpload(target.bucket, {
    key: target.key,
    initiated: state.now(),
    description: readDescription(headers),
    ...(checksumType !== undefined && { checksumType }),
  });
  return {
    status: 200,
    headers: {
      ...ENCRYPTION_HEADERS,
      ...(checksumType !== undefined && {
        "x-amz-checksum-algorithm": "CRC32",
        "x-amz-checksum-type": checksumType,
      }),
    },
    body: xmlDocument(
      "InitiateMultipartUploadResult",
      element("Bucket", target.bucket),
      element("Key", target.key),
      element("UploadId", upload.uploadId),
    ),
  };
}

/** UploadPart: replaces an earlier part of the same number once its bytes are verified. */
export async function uploadPart(state: S3State, exchange: Exchange): Promise<Answer> {
  const { target, headers } = exchange;
  const upload = state.catalog.getUpload(target.bucket, target.key, target.query.get("uploadId") ?? "");
  const partNumber = readPartNumber(target.query);
  if (headers.has("x-amz-server-side-encryption")) {
    throw new S3Error("InvalidArgument", "x-amz-server-side-encryption header is not supported for this operation.", {
      ArgumentName: "x-amz-server-side-encryption",
    });
  }
  return await receiveBlob(state, exchange, upload.checksumType !== undefined, (blob) => {
    const { etag, sizeBytes, segment, crc32 } = blob;
    const part = { partNumber, sizeBytes, etag, lastModified: state.now(), segments: [segment] };
    state.catalog.putPart(target.bucket, upload, crc32 === undefined ? part : { ...part, crc32 });
    return {
      status: 200,
      headers: {
        etag,
        ...ENCRYPTION_HEADERS,
        ...(crc32 !== undefined && { "x-amz-checksum-crc32": encodeCrc32(crc32) }),
      },
    };
  });
}

/** CompleteMultipartUpload; the same call again gets the same answer while the completion is remembered. */
export async function completeMultipartUpload(state: S3State, exchange: Exchange): Promise<Answer> {
  const { target, headers } = exchange;
  const uploadId = target.query.get("uploadId") ?? "";
  const completion = readCompletion(await receiveText(state, exchange), headers);
  const earlier = state.catalog.findCompletion(target.bucket, target.key, uploadId);
  if (earlier?.completed?.manifest === completion.manifest) return completed(exchange, earlier);
  const upload = state.catalog.getUpload(target.bucket, target.key, uploadId);
  const conditions = readWriteConditions(headers);
  const object = assembleObject(upload, completion, {
    multipartMinPartBytes: state.multipartMinPartBytes,
    now: state.now(),
  });
  return completed(exchange, state.catalog.completeUpload(target.bucket, upload, { object, conditions }));
}

/** AbortMultipartUpload: frees the parts. */
export function abortMultipartUpload(state: S3State, { target }: Exchange): Answer {
  const upload = state.catalog.getUpload(target.bucket, target.key, target.query.get("uploadId") ?? "");
  state.catalog.endUpload(target.bucket, upload);
  return { status: 204 };
}

/** @throws S3Error `InvalidArgument` unless it is an integer from 1 to 10,000. */
export function readPartNumber(query: ReadonlyMap<string, string>): number {
  const text = query.get("partNumber") ?? "";
  const partNumber = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (partNumber < 1 || partNumber > PART_NUMBER_MAX) {
    throw new S3Error("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive", {
      ArgumentName: "partNumber",
      ArgumentValue: text,
    });
  }
  return partNumber;
}

function readChecksumType(headers: ReadonlyMap<string, string>): ChecksumType | undefined {
  const algorithm = headers.get("x-amz-checksum-algorithm");
  const type = headers.get("x-amz-checksum-type");
  if (algorithm === undefined) {
    if (type === undefined) return undefined;
    throw new S3Error("InvalidRequest", "The x-amz-checksum-type header needs x-amz-checksum-algorithm");
  }
  if (algorithm !== "CRC32") {
    throw new S3Error("NotImplemented", `this development server verifies CRC32 checksums only, not ${algorithm}`);
  }
  if (type === undefined || type === "COMPOSITE") return "COMPOSITE";
  if (type === "FULL_OBJECT") return type;
  throw new S3Error("InvalidRequest", "Value for x-amz-checksum-type header is invalid.");
}

function readCompletion(body: string, headers: ReadonlyMap<string, string>): CompletionRequest {
  const parts = parseItems(body, "CompleteMultipartUpload", "Part").map((entry) => {
    const partNumber = Number(entry.PartNumber);
    if (!Number.isInteger(partNumber) || entry.ETag === undefined) {
      throw new S3Error("MalformedXML", "a <Part> needs a <PartNumber> and an <ETag>");
    }
    const crc32 = entry.ChecksumCRC32 === undefined ? undefined : decodeCrc32(entry.ChecksumCRC32, "ChecksumCRC32");
    return { partNumber, etag: quoteEtag(entry.ETag.trim()), crc32 };
  });
  if (parts.length === 0) throw new S3Error("MalformedXML", "a multipart upload is completed with at least one part");
  const size = headers.get("x-amz-mp-object-size");
  return {
    parts,
    manifest: createHash("sha256")
      .update(parts.map((part) => `${part.partNumber}:${part.etag}`).join())
      .digest("hex"),
    checksum: headers.get("x-amz-checksum-crc32"),
    checksumType: headers.get("x-amz-checksum-type"),
    sizeBytes: size === undefined ? undefined : Number(size),
  };
}

function completed({ target, request }: Exchange, object: ObjectRecord): Answer {
  return {
    status: 200,
    headers: { ...ENCRYPTION_HEADERS, ...versionHeaders(object) },
    body: xmlDocument(
      "CompleteMultipartUploadResult",
      element("Location", `http://${request.headers.host}${target.rawPath}`),
      element("Bucket", target.bucket),
      element("Key", target.key),
      element("ETag", object.etag),
      element("ChecksumCRC32", object.checksum?.value),
      element("ChecksumType", object.checksum?.type),
    ),
  };
}
