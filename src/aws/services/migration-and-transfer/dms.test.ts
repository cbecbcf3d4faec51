import { expect } from "chai";
import { withServices } from "../../../testing/aws/golden-settings.ts";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function notesOf(encryption: string): string {
  const { connections } = generateConfiguration(parseSettings(withServices(["dms"], { encryption })));
  return connections.flatMap(({ connection }) => connection.notes ?? []).join("\n");
}

describe("DMS", () => {
  it("says which encryption an endpoint must ask for", () => {
    expect(notesOf("sse-s3")).to.include("EncryptionMode at SSE_S3");
    expect(notesOf("kms")).to.include("EncryptionMode to SSE_KMS");
  });

  it("writes and never reads", () => {
    const { DmsRole } = generateConfiguration(parseSettings(withServices(["dms"]))).template.resources;
    expect(JSON.stringify(DmsRole)).to.include("s3:PutObject").and.not.include("s3:GetObject");
  });
});
