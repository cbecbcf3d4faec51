import type { ObjectStore } from "../../domain/object-store.ts";
import { type Finding, findErrorCode, problem, well } from "./finding.ts";

/** The role that files are read under for callers, and how it is tried. */
export interface CheckedReadRole {
  readonly roleArn: string;
  /** Becomes the role; rejects when that is refused. */
  become(): Promise<unknown>;
  /** Storage as the role sees it. */
  readonly downloads: Pick<ObjectStore, "checkBucket">;
}

/** Whether the service may become its read role, and whether that finds the bucket. */
export async function checkReadRole(
  { roleArn, become, downloads }: CheckedReadRole,
  { bucket }: { bucket: string },
): Promise<Finding> {
  try {
    await become();
  } catch (error) {
    return problem(
      "read role",
      `the service cannot become ${roleArn} (${findErrorCode(error)})`,
      "allow sts:AssumeRole, and under EKS Pod Identity sts:TagSession too, in the policy of the service's own role and in the trust of this one, as `sluice config generate` does",
    );
  }
  try {
    await downloads.checkBucket(bucket);
  } catch (error) {
    return problem(
      "read role",
      `${roleArn} does not find bucket ${bucket} (${findErrorCode(error)})`,
      "allow it s3:ListBucket and s3:GetBucketLocation of the bucket, and s3:GetObject and s3:GetObjectVersion of its objects",
    );
  }
  return well("read role", `the service becomes ${roleArn}, which finds bucket ${bucket}`);
}
