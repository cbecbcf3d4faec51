/** One committed generation of the object at a path. */
export interface File {
  fileId: string;
  namespace: string;
  path: string;
  /** Counts the commits to the path, from 1; never used twice for a path. */
  generation: number;
  sizeBytes: number;
  /** CRC32 (ISO-HDLC) of all bytes, unsigned 32 bit. */
  crc32: number;
  /** 32 bytes; absent unless computed. */
  sha256: Uint8Array | undefined;
  contentType: string;
  metadata: Readonly<Record<string, string>>;
  bucket: string;
  region: string;
  s3Key: string;
  /** Empty where the bucket keeps no versions. */
  s3VersionId: string;
  /** Without quotes. */
  etag: string;
  createTime: Date;
  updateTime: Date;
  deleteTime: Date | undefined;
  purgeTime: Date | undefined;
}
