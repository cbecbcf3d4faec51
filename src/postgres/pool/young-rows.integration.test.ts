import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { createTestDatabase } from "../../testing/rigs/database/postgres.ts";

describe("the rows of a pool's queries", () => {
  it("do not outlive the collection that comes after their use", async () => {
    const database = await createTestDatabase();
    const program = fileURLToPath(new URL("../../testing/rigs/database/measure-row-survival.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, database.url]);
    await database.drop();
    const { scavenges, part } = JSON.parse(stdout) as { scavenges: number; part: number };
    expect(scavenges).to.be.at.least(3);
    expect(part).to.be.below(0.15);
  });
});
