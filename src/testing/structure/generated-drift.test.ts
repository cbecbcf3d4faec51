import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { findGeneratedDrift } from "./generated-drift.ts";

describe("findGeneratedDrift", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-drift-"));
  after(() => rmSync(folder, { recursive: true }));

  function fill(name: string, files: Readonly<Record<string, string>>): string {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name, path)), { recursive: true });
      writeFileSync(join(folder, name, path), text);
    }
    return join(folder, name);
  }

  it("finds nothing where both are the same", () => {
    const files = { "sluice/v1/file_pb.ts": "1" };
    expect(findGeneratedDrift(fill("same", files), fill("as-same", files))).to.deep.equal([]);
  });

  it("says of each file whether it is missing, changed or left over", () => {
    const committed = fill("committed", { "a/changed.ts": "1", "a/same.ts": "2", "b/left-over.ts": "3" });
    const fresh = fill("fresh", { "a/changed.ts": "4", "a/same.ts": "2", "c/missing.ts": "5" });
    const [changed, leftOver, missing, ...others] = findGeneratedDrift(committed, fresh);
    expect(changed).to.contain("gen/a/changed.ts is not what the protos give");
    expect(leftOver).to.contain("gen/b/left-over.ts comes from no proto");
    expect(missing).to.contain("gen/c/missing.ts is missing");
    expect(others).to.deep.equal([]);
  });

  it("takes a folder that does not exist for an empty one", () => {
    expect(findGeneratedDrift(join(folder, "nowhere"), fill("some", { "a.ts": "1" }))).to.have.lengthOf(1);
  });

  it("is what the check of the committed code runs", async () => {
    const check = fileURLToPath(new URL("check-generated.ts", import.meta.url));
    const { stderr } = await promisify(execFile)(process.execPath, [check]);
    expect(stderr).to.equal("");
  });
});
