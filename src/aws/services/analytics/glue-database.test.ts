import { expect } from "chai";
import { type Configuration, generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function generate(services: Record<string, unknown>, bucket = "my-files"): Configuration {
  return generateConfiguration(parseSettings({ bucket, region: "eu-central-1", account: "111122223333", services }));
}

function databasesOf({ template }: Configuration): string[] {
  return Object.keys(template.resources).filter((name) => template.resources[name]?.type === "AWS::Glue::Database");
}

describe("createGlueDatabase", () => {
  it("is made once, whichever of Athena and Glue is switched on", () => {
    for (const services of [{ athena: true }, { glue: true }, { athena: true, glue: true }]) {
      const configuration = generate(services);
      expect(databasesOf(configuration)).to.deep.equal(["GlueDatabase"]);
      expect(configuration.template.outputs.GlueDatabaseName?.value).to.equal("my_files_external");
    }
    expect(databasesOf(generate({}))).to.deep.equal([]);
  });

  it("has a name that SQL need not quote, whatever the bucket is called", () => {
    const { template } = generate({ glue: true }, "my.files-eu");
    expect(template.outputs.GlueDatabaseName?.value).to.equal("my_files_eu_external");
  });

  it("is the only database whose tables Athena reads and the crawler writes", () => {
    const { template } = generate({ athena: true, glue: true });
    for (const role of ["AthenaRole", "GlueRole"]) {
      const tables = JSON.stringify(template.resources[role]).match(/:table\/[^"]+/g);
      expect(new Set(tables), role).to.deep.equal(new Set([":table/my_files_external/*"]));
    }
  });
});
