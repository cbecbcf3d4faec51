import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { checkReadRole } from "./check-read-role.ts";

const roleArn = "arn:aws:iam::111122223333:role/my-files-read";
const place = { bucket: "my-files", region: "eu-central-1" };

/** As AWS refuses, seen through the adapter. */
function refuse(name: string): () => Promise<never> {
  const cause = Object.assign(new Error("refused"), { name });
  const error = new DomainError("unavailable", "refused", { reason: "STORAGE_UNAVAILABLE", cause });
  return () => Promise.reject(error);
}

describe("checkReadRole", () => {
  const nothing = async () => {};

  it("is well where the service becomes the role, and the role finds the bucket", async () => {
    const finding = await checkReadRole({ roleArn, become: nothing, downloads: { checkBucket: nothing } }, place);
    expect(finding).to.include({ check: "read role", isOk: true });
  });

  it("says what both roles must allow when the service cannot become it", async () => {
    const downloads = { checkBucket: refuse("Forbidden") };
    const finding = await checkReadRole({ roleArn, become: refuse("AccessDenied"), downloads }, place);
    expect(finding.isOk).to.equal(false);
    expect(finding.message).to.equal(`the service cannot become ${roleArn} (AccessDenied)`);
    expect(finding.mend).to.contain("sts:AssumeRole").and.to.contain("sts:TagSession");
  });

  it("says what the role must allow when it does not find the bucket", async () => {
    const downloads = { checkBucket: refuse("Forbidden") };
    const finding = await checkReadRole({ roleArn, become: nothing, downloads }, place);
    expect(finding.message).to.equal(`${roleArn} does not find bucket my-files (Forbidden)`);
    expect(finding.mend).to.contain("s3:ListBucket");
  });
});
