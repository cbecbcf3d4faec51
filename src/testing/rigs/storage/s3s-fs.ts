import { TOOLS } from "../tools/find-tool.ts";
import { type ObjectStoreSubject, withoutLocks, withoutVersions } from "./object-store-subject.ts";
import { type S3JudgeRecipe, startS3Judge } from "./s3-judge.ts";

const UNVERIFIED = "s3s-fs 0.14 compares no checksum of a part or an object of parts, and states none";
const FORBIDDEN = "s3s-fs 0.14 answers 403 where S3 says NoSuchUpload";

/** The tests that s3s-fs does not pass, with the reasons. */
export const S3S_FS_UNABLE: NonNullable<ObjectStoreSubject["unable"]> = {
  ...withoutVersions("s3s-fs 0.14 keeps no versions"),
  ...withoutLocks("s3s-fs 0.14 has no Object Lock"),
  "are one for each object where the bucket keeps none": "s3s-fs 0.14 does not list versions",
  "lists uploads under a prefix, several under one key": "s3s-fs 0.14 does not list multipart uploads",
  "lists them in pages, and goes on behind one that has ended meanwhile": "s3s-fs 0.14 does not list multipart uploads",
  "refuses a body whose bytes do not match its CRC32": UNVERIFIED,
  "stores nothing whose checksum is wrong, and leaves it to the caller to send it again": UNVERIFIED,
  "says what became of the parts, as HEAD does": UNVERIFIED,
  "refuses a CRC32 of the whole that its bytes do not have": UNVERIFIED,
  "lists parts with sizes and ETags, ascending": "s3s-fs 0.14 lists parts without their ETags and CRC32s",
  "replaces a part that is sent again": "s3s-fs 0.14 lists parts without their ETags and CRC32s",
  "takes the part that was signed, once and again, beside others":
    "s3s-fs 0.14 lists parts without their ETags and CRC32s",
  "lists more than a page of parts": "s3s-fs 0.14 lists parts in no order",
  "copies ranges into parts whose object is these bytes": "s3s-fs 0.14 states no CRC32 of a part that is copied",
  "refuses other bytes, another checksum, none, and another length": UNVERIFIED,
  "refuses a short part before the last": "s3s-fs 0.14 takes parts of any size",
  "refuses parts that storage has not, or has with other bytes, and changes nothing":
    "s3s-fs 0.14 compares no ETags, and answers 403 for a part that it has not",
  "takes keys of any characters": "s3s-fs 0.14 states another CRC32 for an object that parts have replaced",
  "says that the upload is lost when it is gone": FORBIDDEN,
  "rejects with the reason of an abort, and takes what still comes for nothing": FORBIDDEN,
  "takes other lengths than the announced one for the bugs they are": FORBIDDEN,
  "succeeds again, for the answer may have been lost": FORBIDDEN,
  "leaves it open when neither the upload nor its object is there: it may still be assembled": FORBIDDEN,
  "does not take another object under the key for its own": FORBIDDEN,
  "aborts again, and what is gone or was completed": FORBIDDEN,
  "ends with the reason of its signal": FORBIDDEN,
  "says that the upload is lost that a part was to go to": FORBIDDEN,
  "ends with the lifetime, which is one that S3 counts as it is": FORBIDDEN,
  "reports what storage refuses for good": "s3s-fs 0.14 creates a bucket that it does not have with the first object",
  "says in which region it lies": "s3s-fs 0.14 has buckets in no region",
  "is refused when there is none of its name": "s3s-fs 0.14 says of every bucket that it exists",
};

const RECIPE: S3JudgeRecipe = {
  tool: TOOLS.s3sFs,
  args: async ({ port, directory, credentials }) => [
    ...["--host", "127.0.0.1", "--port", String(port)],
    ...["--access-key", credentials.accessKeyId, "--secret-key", credentials.secretAccessKey, directory],
  ],
};

/** Starts s3s-fs, as `startS3Judge` does. */
export const startS3sFs = () => startS3Judge(RECIPE);
