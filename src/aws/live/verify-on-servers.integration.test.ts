import { expect } from "chai";
import { GOLDEN_SETTINGS } from "../../testing/aws/golden-settings.ts";
import { startDevS3 } from "../../testing/rigs/storage/dev-s3.ts";
import type { S3Endpoint } from "../../testing/rigs/storage/s3-subject.ts";
import { startVersitygw } from "../../testing/rigs/storage/versitygw.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { Finding } from "./finding.ts";
import { createLiveAws } from "./reading/live-aws.ts";
import { verifyConfiguration } from "./verify-configuration.ts";

const { signal } = new AbortController();

describe("verifyConfiguration on other S3 servers", () => {
  it("says what the development server does not have, and does not fail", async () => {
    const { endpoint, stop } = await startDevS3({ buckets: ["my-files", "my-files-logs"] });
    try {
      const findings = await verifyAt(endpoint, "my-files");
      expect(countOf(findings)).to.include({ unreadable: 0 });
      expect(countOf(findings).unsupported).to.be.greaterThan(20);
    } finally {
      await stop();
    }
  });

  it("says what versitygw does not have, and does not fail", async function () {
    const started = await startVersitygw();
    if (typeof started === "string") {
      console.log(`      skipped: ${started}`);
      return this.skip();
    }
    try {
      const findings = await verifyAt(started.endpoint, started.endpoint.bucket);
      expect(countOf(findings)).to.include({ unreadable: 0 });
      expect(countOf(findings).unsupported).to.be.greaterThan(0);
    } finally {
      await started.stop();
    }
  });

  async function verifyAt(
    { url, region, accessKeyId, secretAccessKey }: S3Endpoint,
    bucket: string,
  ): Promise<Finding[]> {
    const settings = parseSettings({ ...GOLDEN_SETTINGS.smallest, region, bucket });
    const liveAws = createLiveAws({
      region,
      account: settings.account,
      endpoint: url,
      credentials: { accessKeyId, secretAccessKey },
    });
    try {
      return await verifyConfiguration(generateConfiguration(settings), liveAws, { signal });
    } finally {
      liveAws.close();
    }
  }
});

function countOf(findings: readonly Finding[]): Record<Finding["status"], number> {
  const counts = { ok: 0, drift: 0, flagged: 0, unreadable: 0, unsupported: 0 };
  for (const { status } of findings) counts[status] += 1;
  return counts;
}
