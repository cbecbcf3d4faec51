import { crc32 } from "node:zlib";
import type { Caller, UploadToken } from "../../domain/caller.ts";
import type { File } from "../../domain/files/file.ts";
import { HeldBytes } from "../../domain/memory/held-bytes.ts";
import type { Namespace, Namespaces } from "../../domain/namespaces/namespace.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { ReadFileEvent } from "../../queries/read-file.ts";

/** Who calls in tests. */
export const SAMPLE_CALLER: Caller = { principal: "dev:local", groups: [], tokenKind: "dev" };

/** A token by which acme:alice lets somebody upload below "own/": ten files of at most 1,000 bytes, for a day of November 2026. */
export function sampleUploadToken(overrides: Partial<UploadToken> = {}): UploadToken {
  return {
    tokenId: "0190a3b4-5c6d-7e8f-9a0b-0000000000bb",
    namespace: "default",
    place: "own/",
    sizeMaxBytes: 1000,
    uploadsMax: 10,
    onlyNewFiles: false,
    expireTime: new Date("2026-12-01T00:00:00.000Z"),
    issuer: { principal: "acme:alice", groups: ["acme:writers"], tokenKind: "oidc" },
    ...overrides,
  };
}

/** Values of a file, as a request has them that says nothing. */
export const NO_VALUES = {
  ...{ contentType: "", metadata: {}, labels: {}, dataSubject: "" },
  ...{ legalHold: false, retainUntilTime: undefined },
};

/** The bytes of the sample file. */
export const SAMPLE_BYTES: Uint8Array = Buffer.from("the quick brown fox jumps over the lazy dog");

const NAMESPACE: Namespace = {
  name: "default",
  bucket: "sluice-test",
  region: "eu-central-1",
  keyPrefix: "default/",
  allowedRegions: ["eu-central-1"],
  fileSizeMaxBytes: 5 * 1024 ** 3,
  retentionMs: 30 * 86_400_000,
  retainDefaultMs: 0,
  downloadUrlLifetimeMaxMs: 900_000,
  partUrlLifetimeMaxMs: 3_600_000,
  linkLifetimeMaxMs: 7 * 86_400_000,
  audit: "best-effort",
};

/** The namespace of tests, "default". */
export function sampleNamespace(overrides: Partial<Namespace> = {}): Namespace {
  return { ...NAMESPACE, ...overrides };
}

/** The one namespace of tests, "default". */
export function sampleNamespaces(overrides: Partial<Namespace> = {}): Namespaces {
  return new Map([["default", sampleNamespace(overrides)]]);
}

/** A live file of 43 bytes at "reports/2026/über.pdf". */
export function sampleFile(overrides: Partial<File> = {}): File {
  return {
    fileId: "0190a3b4-5c6d-7e8f-9a0b-000000000001",
    namespace: "default",
    path: "reports/2026/über.pdf",
    generation: 3,
    sizeBytes: SAMPLE_BYTES.byteLength,
    crc32: crc32(SAMPLE_BYTES),
    sha256: undefined,
    contentType: "application/pdf",
    metadata: { author: "someone" },
    labels: { team: "legal" },
    dataSubject: "",
    bucket: NAMESPACE.bucket,
    region: NAMESPACE.region,
    s3Key: "default/ab/0190a3b4",
    s3VersionId: "v1",
    s3Etag: "e1",
    metageneration: 1,
    createTime: new Date("2026-01-02T03:04:05.678Z"),
    updateTime: new Date("2026-01-02T03:04:06.789Z"),
    supersedeTime: undefined,
    deleteTime: undefined,
    purgeTime: undefined,
    legalHold: false,
    retainUntilTime: undefined,
    holdSettled: undefined,
    purgeState: undefined,
    ...overrides,
  };
}

/** An open upload of unknown size to "incoming/video.mp4", in parts of 100 bytes. */
export function sampleUpload(overrides: Partial<Upload> = {}): Upload {
  return {
    uploadId: "0190a3b4-5c6d-7e8f-9a0b-0000000000aa",
    namespace: "default",
    path: "incoming/video.mp4",
    state: "open",
    principal: SAMPLE_CALLER.principal,
    sizeBytes: undefined,
    sizeMaxBytes: undefined,
    partSizeBytes: 100,
    contentType: "video/mp4",
    metadata: {},
    labels: {},
    dataSubject: "",
    expectedCrc32: undefined,
    expectedSha256: undefined,
    computeSha256: false,
    ifGenerationMatch: undefined,
    bucket: NAMESPACE.bucket,
    region: NAMESPACE.region,
    s3Key: "default/cd/0190a3b4",
    multipartId: "m1",
    putAttempt: 0,
    epoch: 1,
    crc32: undefined,
    object: undefined,
    file: undefined,
    createTime: new Date("2026-01-02T03:04:05.000Z"),
    failure: undefined,
    expireTime: new Date("2026-01-03T03:04:05.000Z"),
    ...overrides,
  };
}

/** The error of a call, or undefined when it succeeded: for tests of errors. */
export async function catchError(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** A chunk of a file that is read, with no CRC32 to speak of. */
export function sampleChunk(offset: number, ...pieces: Uint8Array[]): Extract<ReadFileEvent, { kind: "chunk" }> {
  const bytes = new HeldBytes(pieces);
  return { kind: "chunk", offset, bytes, sizeBytes: bytes.lengthBytes, crc32: 0 };
}
