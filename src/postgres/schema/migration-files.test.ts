import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { compareVersions, readMigrationFiles, toFlywayChecksum } from "./migration-files.ts";

describe("toFlywayChecksum", () => {
  it("does not count line ends, whatever their kind, nor a byte order mark", () => {
    const checksum = toFlywayChecksum("SELECT 1;\nSELECT 'ü';\n");
    expect(checksum).to.equal(520980885);
    for (const same of ["SELECT 1;\r\nSELECT 'ü';", "\ufeffSELECT 1;\rSELECT 'ü';\r", "SELECT 1;SELECT 'ü';"]) {
      expect(toFlywayChecksum(same)).to.equal(checksum);
    }
    expect(toFlywayChecksum("")).to.equal(0);
  });

  it("is a signed number", () => {
    expect(toFlywayChecksum("SELECT 2")).to.equal(-9017311);
  });
});

describe("compareVersions", () => {
  it("compares by number, part by part", () => {
    expect(["10", "1.10", "2", "1.9", "1"].sort(compareVersions)).to.deep.equal(["1", "1.9", "1.10", "2", "10"]);
    expect(compareVersions("1.0", "1")).to.equal(0);
  });
});

describe("readMigrationFiles", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-migrations-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("reads versioned files by version, then repeatable ones by description", async () => {
    const names = [
      "R__b_view.sql",
      "V10__ten.sql",
      "V2_1__two_one.sql",
      "V2__two_words.sql",
      "R__a_view.sql",
      "notes.md",
    ];
    for (const name of names) await writeFile(join(directory, name), "SELECT 1");
    await writeFile(join(directory, "V10__ten.sql.conf"), "executeInTransaction=false\n");
    const files = await readMigrationFiles(directory);
    expect(files.map(({ version, description, inTransaction }) => [version, description, inTransaction])).to.deep.equal(
      [
        ["2", "two words", true],
        ["2.1", "two one", true],
        ["10", "ten", false],
        [undefined, "a view", true],
        [undefined, "b view", true],
      ],
    );
  });

  it("refuses names that mean nothing and text that Flyway would replace", async () => {
    const refusal = () => readMigrationFiles(directory).catch((error: Error) => error.message);
    await writeFile(join(directory, "V1__a.sql"), "SELECT '$" + "{name}'");
    expect(await refusal()).to.include("placeholder");
    await writeFile(join(directory, "V1__a.sql"), "SELECT 1");
    await writeFile(join(directory, "first.sql"), "SELECT 1");
    expect(await refusal()).to.include("first.sql is not named like a migration");
  });
});
