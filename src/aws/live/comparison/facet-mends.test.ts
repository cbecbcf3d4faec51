import { expect } from "chai";
import { toFacetMend } from "./facet-mends.ts";
import type { BucketFacet } from "./live-facets.ts";
import type { Plain } from "./plain.ts";

describe("toFacetMend", () => {
  const mend = (facet: BucketFacet, expected?: Plain, actual?: Plain) =>
    toFacetMend(facet, "b", { expected, actual, revert: "revert" });

  it("sets what the API takes in the template's form", () => {
    expect(mend("VersioningConfiguration", { Status: "Enabled" })).to.equal(
      `aws s3api put-bucket-versioning --bucket b --versioning-configuration '{"Status":"Enabled"}'`,
    );
  });

  it("writes encryption as the API does", () => {
    const rule = {
      ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" },
      BlockedEncryptionTypes: { EncryptionType: ["SSE-C"] },
    };
    expect(mend("BucketEncryption", { ServerSideEncryptionConfiguration: [rule] })).to.equal(
      `aws s3api put-bucket-encryption --bucket b --server-side-encryption-configuration '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"},"BlockedEncryptionTypes":{"EncryptionType":["SSE-C"]}}]}'`,
    );
  });

  it("takes away what the template does not have", () => {
    expect(mend("WebsiteConfiguration", undefined, {})).to.equal("aws s3api delete-bucket-website --bucket b");
    expect(mend("NotificationConfiguration", undefined, {})).to.equal(
      "aws s3api put-bucket-notification-configuration --bucket b --notification-configuration '{}'",
    );
  });

  it("takes members of a list away one by one, whatever their ids", () => {
    const list = [{ Id: "ours" }, { Id: "it's" }, { Id: "$(x)" }];
    expect(mend("InventoryConfigurations", [{ Id: "ours" }], list)).to.equal(
      "aws s3api delete-bucket-inventory-configuration --bucket b --id 'it'\\''s'; aws s3api delete-bucket-inventory-configuration --bucket b --id '$(x)'",
    );
  });

  it("reverts the drift where a command would have to be written anew", () => {
    expect(mend("CorsConfiguration", { CorsRules: [] }, undefined)).to.equal("revert");
    expect(mend("InventoryConfigurations", [{ Id: "ours" }], undefined)).to.equal("revert");
  });
});
