import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function roleOf(bedrock: Record<string, unknown> | true): string {
  const { template } = generateConfiguration(
    parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333", services: { bedrock } }),
  );
  return JSON.stringify(template.resources.BedrockRole);
}

describe("BEDROCK", () => {
  it("is trusted to knowledge bases of this account, and writes nothing", () => {
    expect(roleOf(true)).to.include("arn:aws:bedrock:eu-central-1:111122223333:knowledge-base/*");
    expect(roleOf(true))
      .to.not.match(/s3:(Put|Delete)/)
      .and.not.include("aoss:");
  });

  it("embeds by the one model that is named, and stores in the one collection", () => {
    const role = roleOf({ embeddingModel: "cohere.embed-multilingual-v3", collection: "abc123" });
    expect(role).to.include("arn:aws:bedrock:eu-central-1::foundation-model/cohere.embed-multilingual-v3");
    expect(role).to.include("arn:aws:aoss:eu-central-1:111122223333:collection/abc123");
  });
});
