import { randomUUID } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import type { Config } from "../../config/config.ts";
import { DomainError } from "../../domain/errors.ts";
import type { createObjectStore } from "../../s3/object-store.ts";
import { type Finding, findErrorCode, problem, well } from "./finding.ts";

const PROBE = Buffer.from("This object was written by `sluice doctor`, which deletes it at once.\n");

/** The parts of the adapter that the probe uses: writing, reading as callers do, and asking for an object's encryption. */
export interface ProbedStorage {
  objects: ReturnType<typeof createObjectStore>;
  downloads: ReturnType<typeof createObjectStore>;
  readEncryption: (object: { bucket: string; key: string; versionId: string }) => Promise<string | undefined>;
}

/**
 * Writes a small object as uploads are written, asks how it is encrypted, reads it back as callers do, and deletes it. Its
 * key is `doctor/<uuid>` below the prefix, which no file can have.
 */
export async function probeStorage(
  { objects, downloads, readEncryption }: ProbedStorage,
  { bucket, keyPrefix, asked }: Config["namespace"] & { asked: Config["s3"]["encryption"] },
): Promise<Finding> {
  const key = `${keyPrefix}doctor/${randomUUID()}`;
  let step: Step = "write";
  let written: { versionId: string } | undefined;
  const remove = () => objects.delete(bucket, key, { versionId: written?.versionId ?? "" });
  try {
    const body = objects.beginPut({ bucket, beginAttempt: async () => key, contentType: "text/plain" }, PROBE.length);
    body.write(PROBE);
    body.end(crc32(PROBE));
    written = await body.done;
    step = "read";
    const { versionId } = written;
    const encryption = await readEncryption({ bucket, key, versionId });
    const bytes = await buffer(await downloads.read(bucket, key, { versionId }));
    step = "delete";
    await remove();
    written = undefined;
    return judge({ encryption, asked, isSame: bytes.equals(PROBE) }, bucket);
  } catch (error) {
    if (step === "read") await remove().catch(() => {}); // the finding is the error of reading
    return toFinding(error, step, bucket);
  }
}

type Step = "write" | "read" | "delete";

function judge(
  { encryption, asked, isSame }: { encryption: string | undefined; asked: string; isSame: boolean },
  bucket: string,
): Finding {
  if (!isSame) {
    return problem("objects", `bucket ${bucket} gave back other bytes than were written`, "do not use this storage");
  }
  if (asked === "bucket" && encryption !== undefined) {
    const how = encryption === "AES256" ? "SSE-S3 (AES256)" : encryption;
    return well(
      "objects",
      `a probe was written, is encrypted by the bucket's default, ${how}, was read back and deleted`,
    );
  }
  if (encryption !== "AES256") {
    const how = encryption === undefined ? "without saying that they are encrypted" : `encrypted by ${encryption}`;
    return problem(
      "objects",
      `bucket ${bucket} keeps objects ${how}, though ${asked === "bucket" ? "the bucket's default is relied on" : "SSE-S3 (AES256) is asked for"}`,
      "let no default of the bucket or the server override what a request asks for",
    );
  }
  return well("objects", "a probe was written, is encrypted by SSE-S3 (AES256), was read back and deleted");
}

const RIGHTS = {
  write: "s3:PutObject",
  read: "s3:GetObject and s3:GetObjectVersion (of the read role too, where there is one). Behind GuardDuty's gate the read role is refused this probe, which nobody has scanned: then all is well",
  delete: "s3:DeleteObject and s3:DeleteObjectVersion",
} satisfies Record<Step, string>;

function toFinding(error: unknown, step: Step, bucket: string): Finding {
  const code = findErrorCode(error);
  if (code === "AccessDenied") {
    return problem(
      "objects",
      `the role or user may not ${step} objects of bucket ${bucket}`,
      `allow it ${RIGHTS[step]}`,
    );
  }
  if (error instanceof DomainError && error.reason === "STORAGE_UNABLE") {
    return problem("objects", error.message, "docs/s3-servers.md says what the service needs of an S3 server");
  }
  const mend =
    step === "write"
      ? "if this S3 server lacks checksum trailers, set SLUICE_S3_TRAILERS=off; otherwise its log says more"
      : "the log of the S3 server says more";
  return problem("objects", `a probe object could not be ${PARTICIPLES[step]} in bucket ${bucket} (${code})`, mend);
}

const PARTICIPLES = { write: "written", read: "read", delete: "deleted" } satisfies Record<Step, string>;
