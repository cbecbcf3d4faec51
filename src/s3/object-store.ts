import type { Readable } from "node:stream";
import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { DomainError } from "../domain/errors.ts";
import { toLifetimeSeconds } from "../domain/files/download-lifetime.ts";
import type { ObjectStore, StoredPart } from "../domain/object-store.ts";
import { request, type S3Access, toAskedAlgorithm } from "./access.ts";
import { toPartDelivery, toPutDelivery } from "./bodies/body-delivery.ts";
import { freeReceived } from "./bodies/free-received.ts";
import { OneShotBody } from "./bodies/one-shot-body.ts";
import { ReplayableBody } from "./bodies/replayable-body.ts";
import { headObject, unquote } from "./head-object.ts";
import { checkBucket, readBucketRegion } from "./objects/bucket-region.ts";
import { copyObject, copyPart } from "./objects/copies.ts";
import { setLegalHold } from "./objects/legal-hold.ts";
import { abortMultipart, completeMultipart } from "./objects/multipart.ts";
import { type PageMarkers, parseMarkers, toNextPage } from "./objects/page-markers.ts";
import { deleteObject, deleteVersions, listVersions } from "./objects/versions.ts";
import { fromBase64Crc32, toBase64Crc32 } from "./requests/streamed-body.ts";

/** The S3 adapter, given the access to each bucket. The port's contract is in domain/object-store.ts. */
export function createObjectStore(at: (bucket: string) => S3Access): ObjectStore {
  return {
    async createMultipart(bucket, key, { contentType, signal }) {
      const access = at(bucket);
      const command = new CreateMultipartUploadCommand({
        Bucket: bucket,
        Key: key,
        ContentType: contentType,
        ChecksumAlgorithm: "CRC32",
        ChecksumType: "FULL_OBJECT",
        ServerSideEncryption: toAskedAlgorithm(access),
      });
      const { UploadId: multipartId } = await request(access, {
        operation: "control",
        what: "beginning the upload",
        signal,
        send: () => access.client.send(command, { ...(signal !== undefined && { abortSignal: signal }) }),
      });
      if (multipartId === undefined) throw new Error("CreateMultipartUpload answered without an UploadId");
      return multipartId;
    },

    beginPart(target, lengthBytes) {
      const access = at(target.bucket);
      return new ReplayableBody(lengthBytes, { ...toPartDelivery(access, target), policy: access.body });
    },

    beginOneShotPart(target, lengthBytes, onLeft) {
      const access = at(target.bucket);
      return new OneShotBody(lengthBytes, { ...toPartDelivery(access, target), policy: access.body, onLeft });
    },

    beginPut(target, lengthBytes) {
      const access = at(target.bucket);
      return new ReplayableBody(lengthBytes, { ...toPutDelivery(access, target), policy: access.body });
    },

    completeMultipart: (target, manifest, options = {}) =>
      completeMultipart(at(target.bucket), target, manifest, options),

    abortMultipart: (target, options = {}) => abortMultipart(at(target.bucket), target, options),

    async listParts({ bucket, key, multipartId }) {
      const access = at(bucket);
      const parts: StoredPart[] = [];
      let marker: string | undefined;
      try {
        do {
          const command = new ListPartsCommand({
            Bucket: bucket,
            Key: key,
            UploadId: multipartId,
            PartNumberMarker: marker,
          });
          const send = () => access.client.send(command);
          const page = await request(access, { operation: "control", what: "listing parts", send });
          for (const { PartNumber = 0, Size = 0, ETag = "", ChecksumCRC32 } of page.Parts ?? []) {
            const crc32 = fromBase64Crc32(ChecksumCRC32);
            parts.push({ partNumber: PartNumber, sizeBytes: Size, etag: unquote(ETag), crc32 });
          }
          marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
        } while (marker !== undefined);
      } catch (error) {
        if (error instanceof DomainError && error.reason === "UPLOAD_LOST") return undefined;
        throw error;
      }
      return parts;
    },

    async listMultiparts(bucket, { keyPrefix, after, pageMax }) {
      const [keyMarker, idMarker] = parseMarkers(after);
      const command = new ListMultipartUploadsCommand({
        Bucket: bucket,
        Prefix: keyPrefix,
        MaxUploads: pageMax,
        KeyMarker: keyMarker,
        UploadIdMarker: idMarker,
      });
      const access = at(bucket);
      const send = () => access.client.send(command);
      const page = await request(access, { operation: "control", what: "listing uploads", send });
      const multiparts = (page.Uploads ?? []).flatMap(({ Key = "", UploadId = "", Initiated }) =>
        Initiated === undefined ? [] : [{ key: Key, multipartId: UploadId, initiated: Initiated }],
      );
      const next: PageMarkers | undefined =
        page.IsTruncated === true ? [page.NextKeyMarker, page.NextUploadIdMarker] : undefined;
      return { multiparts, next: toNextPage(next, after) };
    },

    listVersions: (bucket, options) => listVersions(at(bucket), bucket, options),

    copyObject: (source, target, content) => copyObject(at(target.bucket), source, { target, ...content }),

    copyPart: (source, target, range) => copyPart(at(target.bucket), source, { target, range }),

    head: (bucket, key, options = {}) => headObject(at(bucket), { bucket, key, ...options }),

    async read(bucket, key, { versionId, range, signal }) {
      const command = new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        VersionId: versionId || undefined,
        Range: range === undefined ? undefined : `bytes=${range.offset}-${range.offset + range.sizeBytes - 1}`,
      });
      return await openRead(at(bucket), { command, signal });
    },

    delete: (bucket, key, { versionId } = {}) => deleteObject(at(bucket), bucket, { key, versionId }),

    deleteVersions: (bucket, key) => deleteVersions(at(bucket), bucket, key),

    setLegalHold: (bucket, key, options) => setLegalHold(at(bucket), bucket, { key, ...options }),

    async presignDownload(bucket, key, { versionId, lifetimeMs, contentType, contentDisposition }) {
      const command = new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        VersionId: versionId || undefined,
        ResponseContentType: contentType,
        ResponseContentDisposition: contentDisposition,
      });
      const { client, clock } = at(bucket);
      return await getSignedUrl(client, command, { expiresIn: toExpiresIn(lifetimeMs), signingDate: clock.now() });
    },

    presignPart: async (target, { lengthBytes, crc32, lifetimeMs }) => {
      const headers = { "content-length": String(lengthBytes), "x-amz-checksum-crc32": toBase64Crc32(crc32) };
      const command = new UploadPartCommand({
        Bucket: target.bucket,
        Key: target.key,
        UploadId: target.multipartId,
        PartNumber: target.partNumber,
        ContentLength: lengthBytes,
        ChecksumCRC32: headers["x-amz-checksum-crc32"],
      });
      const expiresIn = toExpiresIn(lifetimeMs);
      // These stay headers, so that S3 compares them with the signed values: it would not check them in the query.
      const unhoistableHeaders = new Set(Object.keys(headers));
      const { client, clock } = at(target.bucket);
      const signing = { expiresIn, signingDate: clock.now(), unhoistableHeaders };
      return { url: await getSignedUrl(client, command, signing), headers };
    },

    checkBucket: (bucket, options) => checkBucket(at(bucket), bucket, options),

    readBucketRegion: (bucket) => readBucketRegion(at(bucket), bucket),
  };
}

/** Opens a stream of an object's bytes, which has its slot until it is closed. */
async function openRead(
  access: S3Access,
  { command, signal }: { command: GetObjectCommand; signal: AbortSignal | undefined },
): Promise<Readable> {
  const leave = await access.slots.read.enter("", { signal });
  try {
    const sending = { ...(signal !== undefined && { abortSignal: signal }) };
    const send = () => access.breakers("read", () => access.client.send(command, sending));
    const { Body: body } = await request(access, { what: "reading the file", signal, send });
    freeReceived(body as Readable);
    return (body as Readable).once("close", leave);
  } catch (error) {
    leave();
    throw error;
  }
}

function toExpiresIn(lifetimeMs: number): number {
  const seconds = toLifetimeSeconds(lifetimeMs);
  if (seconds === undefined) throw new RangeError(`a URL cannot be signed for ${lifetimeMs} ms`);
  return seconds;
}
