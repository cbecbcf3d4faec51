import { expect } from "chai";
import { withServices } from "../../../testing/aws/golden-settings.ts";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function generate(options: Readonly<Record<string, unknown>> | true, more: Readonly<Record<string, unknown>> = {}) {
  const said = withServices([], { services: { "s3-metadata": options }, ...more });
  const { template, connections } = generateConfiguration(parseSettings(said));
  const [{ connection } = { connection: undefined }] = connections;
  return {
    tables: template.resources.DataBucket?.properties.MetadataConfiguration,
    notes: connection?.notes?.join("\n"),
  };
}

describe("S3_METADATA", () => {
  it("keeps a journal for a year and a live inventory, unless told otherwise", () => {
    expect(generate(true).tables).to.deep.equal({
      JournalTableConfiguration: { RecordExpiration: { Expiration: "ENABLED", Days: 365 } },
      InventoryTableConfiguration: { ConfigurationState: "ENABLED" },
    });
    const { tables, notes } = generate({ journalDays: 7, inventory: false });
    expect(tables).to.deep.include({ InventoryTableConfiguration: { ConfigurationState: "DISABLED" } });
    expect(notes).to.include("an erased file stays in the journal for 7 days");
  });

  it("says that its tables do not have the key of files", () => {
    expect(generate(true, { encryption: "kms" }).notes).to.include("The tables stay with SSE-S3");
    expect(generate(true).notes).to.not.include("SSE-S3");
  });

  it("refuses a journal of less than a week, and a partition without it", () => {
    expect(() => generate({ journalDays: 6 })).to.throw(AggregateError, "services.s3-metadata.journalDays 6");
    expect(() => generate(true, { region: "cn-north-1" })).to.throw(
      AggregateError,
      "does not exist in partition aws-cn",
    );
  });
});
