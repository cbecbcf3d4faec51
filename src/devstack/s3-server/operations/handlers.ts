import type { Operation } from "../protocol/operation.ts";
import { createBucket, deleteBucket, getBucketLocation, headBucket, listBuckets } from "./bucket-operations.ts";
import { copyObject, uploadPartCopy } from "./copy-operations.ts";
import { getObjectLegalHold, putObjectLegalHold } from "./legal-hold-operations.ts";
import { listMultipartUploads, listObjectsV2, listParts } from "./list-operations.ts";
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  uploadPart,
} from "./multipart-operations.ts";
import { deleteObject, deleteObjects, putObject, readObject } from "./object-operations.ts";
import type { OperationHandler } from "./state.ts";
import { getBucketVersioning, listObjectVersions, putBucketVersioning } from "./version-operations.ts";

/** The handler of each operation. */
export const HANDLERS: Readonly<Record<Operation, OperationHandler>> = {
  AbortMultipartUpload: abortMultipartUpload,
  CompleteMultipartUpload: completeMultipartUpload,
  CopyObject: copyObject,
  CreateBucket: createBucket,
  CreateMultipartUpload: createMultipartUpload,
  DeleteBucket: deleteBucket,
  DeleteObject: deleteObject,
  DeleteObjects: deleteObjects,
  GetBucketLocation: getBucketLocation,
  GetBucketVersioning: getBucketVersioning,
  GetObject: readObject,
  GetObjectLegalHold: getObjectLegalHold,
  HeadBucket: headBucket,
  HeadObject: readObject,
  ListBuckets: listBuckets,
  ListMultipartUploads: listMultipartUploads,
  ListObjectVersions: listObjectVersions,
  ListObjectsV2: listObjectsV2,
  ListParts: listParts,
  PutBucketVersioning: putBucketVersioning,
  PutObject: putObject,
  PutObjectLegalHold: putObjectLegalHold,
  UploadPart: uploadPart,
  UploadPartCopy: uploadPartCopy,
};
