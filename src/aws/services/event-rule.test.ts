import { expect } from "chai";
import { matchesPattern } from "../../testing/aws/policies/road-evaluator.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { FreeForm, Properties } from "../template/value.ts";

const PLACE = { bucket: "my-files", region: "eu-central-1", account: "111122223333" };
const SCANNED = {
  id: "0c7d6a1e",
  time: "2026-11-29T10:00:00Z",
  source: "aws.guardduty",
  "detail-type": "GuardDuty Malware Protection Object Scan Result",
  detail: {
    scanStatus: "COMPLETED",
    resourceType: "S3_OBJECT",
    s3ObjectDetails: { bucketName: "my-files", objectKey: "files/a", eTag: "e7", versionId: "v1" },
    scanResultDetails: { scanResultStatus: "NO_THREATS_FOUND" },
  },
};

function ruleOf(logicalId: string, services: Record<string, unknown>) {
  const { template } = generateConfiguration(parseSettings({ ...PLACE, services }));
  const { EventPattern, Targets } = template.resources[logicalId]?.properties ?? {};
  const [target] = Targets as readonly Properties[];
  return { pattern: (EventPattern as FreeForm).content, target: target as Properties };
}

/** What EventBridge makes of an event: values by their paths, put into the template. */
function transform({ InputTransformer }: Properties, event: unknown): Properties {
  const { InputPathsMap, InputTemplate } = InputTransformer as Properties;
  let text = InputTemplate as string;
  for (const [name, path] of Object.entries((InputPathsMap as FreeForm).content)) {
    const names = (path as string).replace("$.", "").split(".");
    const value = names.reduce((object, key) => (object as Record<string, unknown>)[key], event);
    text = text.replaceAll(`<${name}>`, String(value));
  }
  return JSON.parse(text);
}

describe("a rule that tells of files", () => {
  it("makes S3's event of a scan's result, so that consumers read one form", () => {
    const created = ruleOf("SqsRule", { sqs: true });
    const clean = ruleOf("SqsRule", { sqs: true, guardduty: true });
    expect(created.target).to.not.have.property("InputTransformer");
    expect(matchesPattern(clean.pattern, SCANNED)).to.equal(true);
    const told = transform(clean.target, SCANNED);
    expect(matchesPattern(created.pattern, told)).to.equal(true);
    expect(told).to.deep.include({ id: "0c7d6a1e", time: "2026-11-29T10:00:00Z", account: "111122223333" });
    expect((told.detail as Properties).object).to.deep.equal({ key: "files/a", etag: "e7", "version-id": "v1" });
  });

  it("tells pipelines of OpenSearch a size, without which they skip the file", () => {
    const { target } = ruleOf("OpensearchIngestionRule", { "opensearch-ingestion": true, guardduty: true });
    expect((transform(target, SCANNED).detail as Properties).object).to.include({ size: 1 });
  });

  it("waits for no scan where the gate is open, or is about other keys", () => {
    const { pattern } = ruleOf("SqsRule", { sqs: true });
    for (const guardduty of [{ gate: false }, { prefixes: ["external/"] }]) {
      expect(ruleOf("SqsRule", { sqs: true, guardduty }).pattern).to.deep.equal(pattern);
    }
  });

  it("keeps results of scans in the archive, so that they can be replayed", () => {
    const patternOf = (services: Record<string, unknown>) => {
      const { template } = generateConfiguration(parseSettings({ ...PLACE, services }));
      const pattern = template.resources.EventbridgeArchive?.properties.EventPattern;
      return (pattern as FreeForm).content;
    };
    const services = { eventbridge: { archiveDays: 30 } };
    expect(patternOf(services)).to.have.keys("source", "detail");
    const { $or } = patternOf({ ...services, guardduty: true });
    expect(($or as readonly Properties[]).some((one) => matchesPattern(one, SCANNED))).to.equal(true);
    expect($or).to.deep.include(patternOf(services));
  });

  it("is said of direct delivery, which does not wait", () => {
    for (const service of ["lambda", "sns", "sqs"]) {
      const functionArn = "arn:aws:lambda:eu-central-1:111122223333:function:on-file";
      const options = { delivery: "direct", ...(service === "lambda" && { functionArn }) };
      const notesOf = (services: Record<string, unknown>) =>
        generateConfiguration(parseSettings({ ...PLACE, services }))
          .connections.flatMap(({ connection }) => connection.notes ?? [])
          .join("\n");
      expect(notesOf({ [service]: options, guardduty: true }), service).to.contain("Direct delivery does not wait");
      expect(notesOf({ [service]: options }), service).to.not.contain("Direct delivery");
    }
  });
});
