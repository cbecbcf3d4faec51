import { randomUUID } from "node:crypto";
import type { Config } from "../../config/config.ts";
import { DomainError } from "../../domain/errors.ts";
import { createS3Access } from "../../s3/create-access.ts";
import { isTlsCode } from "../../s3/errors.ts";
import { createObjectStore } from "../../s3/object-store.ts";
import { type ProbedAbility, probeAbilities } from "../../s3/probe-abilities.ts";
import { readEncryption } from "../../s3/read-encryption.ts";
import { checkReadRole } from "./check-read-role.ts";
import { type Finding, findErrorCode, problem, well } from "./finding.ts";
import { probeStorage } from "./probe-storage.ts";

/** Longest wait for the answer to a presigned part, in milliseconds. */
const PUT_TIMEOUT_MS = 10_000;

/**
 * Checks storage: the connection, credentials and rights, the bucket and its region, and the other abilities that uploads and
 * files need. Writes probe objects, and deletes them.
 */
export async function checkStorage(config: Config): Promise<Finding[]> {
  const { bucket, keyPrefix } = config.namespace;
  const body = { ...config.body, retry: { ...config.body.retry, triesMax: 1 } };
  const { at, readAt, close } = createS3Access({ ...config, body });
  const objects = createObjectStore(at);
  const downloads = createObjectStore(readAt);
  try {
    const createKey = () => `${keyPrefix}doctor/${randomUUID()}`;
    const { finding, isFinal } = await checkBucket(objects, config);
    if (isFinal) return [finding];
    const { readRole } = config.s3;
    const become = () => readAt(bucket).client.config.credentials();
    const role = readRole && (await checkReadRole({ roleArn: readRole.roleArn, become, downloads }, config.namespace));
    // What keeps the role from reading is told once.
    const readers = role?.isOk === false ? objects : downloads;
    return [
      finding,
      ...(role === undefined ? [] : [role]),
      await probeStorage(
        { objects, downloads: readers, readEncryption: (object) => readEncryption(at(bucket).client, object) },
        { ...config.namespace, asked: config.s3.encryption },
      ),
      ...(await probeAbilities({ objects, bucket, createKey, partMinBytes: config.s3.partMinBytes, put })).map(
        toAbility,
      ),
    ];
  } finally {
    close();
  }
}

/** Checks whether the bucket answers. `isFinal` means that no further check can succeed. */
async function checkBucket(
  objects: ReturnType<typeof createObjectStore>,
  config: Config,
): Promise<{ finding: Finding; isFinal: boolean }> {
  const { bucket, region, keyPrefix } = config.namespace;
  try {
    // This comes before the plain check of the bucket, whose answer to HEAD has no body that says why it refuses.
    await objects.listMultiparts(bucket, { keyPrefix, pageMax: 1 });
    const actual = await objects.readBucketRegion(bucket);
    if (actual !== undefined && actual !== region)
      return { finding: elsewhere(bucket, { region, actual }), isFinal: true };
    const finding = well("storage", `bucket ${bucket} in ${region} answers and lets itself be listed`);
    return { finding, isFinal: false };
  } catch (error) {
    const isUnable = error instanceof DomainError && error.reason === "STORAGE_UNABLE";
    const isFinal = !isUnable && findErrorCode(error) !== "AccessDenied";
    const finding = isUnable
      ? problem("storage", error.message, "use an S3 server that does")
      : toFinding(error, config);
    return { finding, isFinal };
  }
}

function elsewhere(bucket: string, { region, actual }: { region: string; actual?: string }): Finding {
  const lies = actual === undefined ? `does not lie in ${region}` : `lies in ${actual}, not in ${region}`;
  return problem("storage", `bucket ${bucket} ${lies}`, "name its region in SLUICE_S3_REGION");
}

function toAbility(probed: ProbedAbility): Finding {
  const { ability } = probed;
  if ("done" in probed) return well(ability, probed.done);
  const code = findErrorCode(probed.error);
  const sentence = probed.error instanceof DomainError ? probed.error.message : "it failed";
  const mend = "docs/s3-servers.md says what the service needs of an S3 server, and which ones have it";
  return problem(ability, code === "DomainError" ? sentence : `${sentence} (${code})`, mend);
}

async function put(url: string, headers: Readonly<Record<string, string>>, bytes: Uint8Array): Promise<number> {
  const { "content-length": _, ...others } = headers;
  const body = Uint8Array.from(bytes);
  const signal = AbortSignal.timeout(PUT_TIMEOUT_MS);
  const answer = await fetch(url, { method: "PUT", headers: { ...others, connection: "close" }, body, signal });
  await answer.arrayBuffer();
  return answer.status;
}

function toFinding(error: unknown, { namespace, s3 }: Config): Finding {
  const { bucket, region } = namespace;
  const name = error instanceof Error && error.cause instanceof Error ? error.cause.name : "";
  const where = s3.endpoint ?? "AWS";
  switch (name) {
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
      return problem(
        "storage",
        `${where} does not know the credentials (${name})`,
        "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role",
      );
    case "CredentialsProviderError":
      return problem(
        "storage",
        "no AWS credentials were found",
        "give the service an IAM role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
      );
    case "ExpiredToken":
      return problem("storage", "the AWS credentials have expired", "renew them");
    case "AccessDenied":
      return problem(
        "storage",
        `the role or user may not list multipart uploads of bucket ${bucket}`,
        "allow it s3:ListBucketMultipartUploads, s3:ListBucketVersions, s3:ListBucket and the rights on objects",
      );
    case "NoSuchBucket":
      return problem(
        "storage",
        `bucket ${bucket} does not exist at ${where}`,
        "create it, or name another in SLUICE_S3_BUCKET",
      );
    case "PermanentRedirect":
    case "AuthorizationHeaderMalformed":
      return elsewhere(bucket, { region });
    case "RequestTimeTooSkewed":
      return problem("storage", "S3 finds our clock too far off", "set the clock of this host, for instance by NTP");
  }
  const code = findErrorCode(error);
  if (isTlsCode(code) && error instanceof Error) {
    return problem("storage", `${error.message} (${code})`, "docs/operating.md says how TLS to storage is set up");
  }
  if (name === "" && error instanceof Error)
    return problem("storage", error.message, "correct SLUICE_S3_BUCKET and SLUICE_S3_REGION");
  return problem(
    "storage",
    `${where} does not answer (${code})`,
    "correct SLUICE_S3_ENDPOINT, or the network on the way there",
  );
}
