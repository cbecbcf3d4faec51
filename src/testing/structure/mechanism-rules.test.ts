import { expect } from "chai";
import { findMechanismBreaches } from "./mechanism-rules.ts";
import { parseSourceFile } from "./source-file.ts";

const FILES = [
  parseSourceFile("src/transfer/turn.ts", "export const TURN = 1;\n".repeat(40)),
  parseSourceFile("src/transfer/turn.test.ts", 'it("gives turns", () => {});'),
];

function breachesOf(row: string, files = FILES): string[] {
  const text = `# Mechanisms\n\n| mechanism | for | file | lines | test |\n|---|---|---|---|---|\n${row}\n`;
  return findMechanismBreaches({ path: "docs/mechanisms.md", text }, files);
}

describe("findMechanismBreaches", () => {
  it("takes a row that is true, and lines that have hardly changed", () => {
    expect(
      breachesOf("| turns | for fairness | `transfer/turn.ts` | 40 | `transfer/turn.test.ts`: gives turns |"),
    ).to.deep.equal([]);
    expect(
      breachesOf("| turns | for fairness | `transfer/turn.ts` | 50 | `transfer/turn.test.ts`: gives turns |"),
    ).to.deep.equal([]);
  });

  it("says what has to be written where lines, file or test are others", () => {
    expect(
      breachesOf("| turns | for fairness | `transfer/turn.ts` | 51 | `transfer/turn.test.ts`: takes turns |"),
    ).to.deep.equal([
      'docs/mechanisms.md, "turns": src/transfer/turn.ts has 40 lines, not 51; write 40',
      'docs/mechanisms.md, "turns": src/transfer/turn.test.ts has no test "takes turns"; name the one that fails without the mechanism',
    ]);
    expect(breachesOf("| turns | for fairness | `queue.ts` | 40 | `queue.test.ts`: gives turns |")).to.deep.equal([
      'docs/mechanisms.md, "turns": there is no file src/queue.ts; name the file that has it now',
      'docs/mechanisms.md, "turns": there is no file src/queue.test.ts; name the test that fails without it',
    ]);
  });

  it("wants a row for each file that is named for a mechanism", () => {
    const files = [...FILES, parseSourceFile("src/s3/breaker.ts", ""), parseSourceFile("src/aws/scan-breaker.ts", "")];
    expect(
      breachesOf("| turns | for fairness | `transfer/turn.ts` | 40 | `transfer/turn.test.ts`: gives turns |", files),
    ).to.deep.equal([
      "docs/mechanisms.md has no row for src/s3/breaker.ts; say what it is for and which test fails without it",
    ]);
  });
});
