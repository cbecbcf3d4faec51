import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function crawlerOf(glue: Record<string, unknown> | true, tags: Record<string, string> = {}): string {
  const { template } = generateConfiguration(
    parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333", tags, services: { glue } }),
  );
  return JSON.stringify(template.resources.GlueCrawler);
}

describe("GLUE", () => {
  it("crawls the external prefix on demand, and never Athena's results", () => {
    expect(crawlerOf(true)).to.include('"Path":"s3://my-files/external/","Exclusions":["athena/**"]');
    expect(crawlerOf(true)).to.not.include("ScheduleExpression").and.not.include('"Tags"');
  });

  it("crawls by the clock and leaves out what it is told to, where that is said", () => {
    const crawler = crawlerOf({ schedule: "cron(0 3 * * ? *)", exclude: ["emr/logs/**"] }, { Team: "files" });
    expect(crawler).to.include('"ScheduleExpression":"cron(0 3 * * ? *)"').and.include('"emr/logs/**"');
    expect(crawler).to.include('"Team":"files"');
  });

  it("refuses what is no schedule", () => {
    expect(() => crawlerOf({ schedule: "daily" })).to.throw(AggregateError);
  });
});
