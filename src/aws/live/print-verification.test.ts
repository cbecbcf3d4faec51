import { expect } from "chai";
import { LiveAwsProblem } from "./comparison/live-facets.ts";
import { REVERT_DRIFT } from "./expected/revert.ts";
import { createFinding, type Finding } from "./finding.ts";
import { printVerification } from "./print-verification.ts";
import { createUnreadFinding } from "./unread-finding.ts";

const BUCKET = "bucket my-files";

describe("printVerification", () => {
  it("says how many checks went well when all did", () => {
    const fine = createFinding({ check: "CORS", resource: BUCKET }, "ok", {});
    expect(printVerification([fine, fine])).to.equal("2 checks: 2 ok\n");
  });

  it("groups what is not ok by resource, and explains how to revert once", () => {
    const findings: Finding[] = [
      createFinding({ check: "CORS", resource: BUCKET }, "drift", {
        actual: { CorsRules: [] },
        meaning: "pages of other origins may read",
        mend: "aws s3api delete-bucket-cors --bucket my-files",
      }),
      createFinding({ check: "region", resource: BUCKET }, "drift", {
        expected: "eu-central-1",
        actual: "us-east-1",
        meaning: "files lie elsewhere",
        mend: REVERT_DRIFT,
      }),
      createFinding({ check: "role", resource: "role r" }, "unsupported", { meaning: "not there", mend: "nothing" }),
      createFinding({ check: "validation", resource: "policy of X" }, "flagged", {
        meaning: "wrong",
        mend: "right it",
      }),
      createFinding({ check: "validation", resource: "policy of X" }, "ok", { meaning: "style", mend: "polish it" }),
      createFinding({ check: "tags", resource: "role s" }, "unreadable", { meaning: "not known", mend: "ask" }),
      createFinding({ check: "path", resource: "role s" }, "ok", {}),
    ];
    expect(printVerification(findings)).to.equal(`bucket my-files
  DRIFT CORS
    expected: nothing
    there is: {"CorsRules":[]}
    meaning: pages of other origins may read
    mend: aws s3api delete-bucket-cors --bucket my-files
  DRIFT region
    expected: eu-central-1
    there is: us-east-1
    meaning: files lie elsewhere
    mend: revert the stack's drift (below)

role r
  unsupported role
    meaning: not there
    mend: nothing

policy of X
  FLAGGED validation
    meaning: wrong
    mend: right it

role s
  UNREADABLE tags
    meaning: not known
    mend: ask

To revert the stack's drift: ${REVERT_DRIFT}.

7 checks: 2 ok, 2 drifted, 1 flagged, 1 unreadable, 1 unsupported here
  unsupported here: role r
  not read, as said above: role s
`);
  });

  it("counts what was not read, and names it with the permission that is missing", () => {
    const unread = (resource: string, permission: string) =>
      createUnreadFinding(
        { check: "properties", resource },
        new LiveAwsProblem("denied", "no", { permissions: [permission] }),
        { unknown: "whether it has drifted" },
      );
    const findings = [
      createFinding({ check: "CORS", resource: BUCKET }, "ok", {}),
      unread("queue a", "sqs:GetQueueAttributes"),
      unread("topic b", "sns:GetTopicAttributes"),
      unread("queue a", "sqs:GetQueueAttributes"),
      unread("queue c", "sqs:GetQueueAttributes"),
    ];
    expect(printVerification(findings).split("\n").slice(-4)).to.deep.equal([
      "5 checks: 1 ok, 4 unreadable",
      "  not read, without sqs:GetQueueAttributes: queue a, queue c",
      "  not read, without sns:GetTopicAttributes: topic b",
      "",
    ]);
  });

  it("cuts long values", () => {
    const long = createFinding({ check: "tags", resource: BUCKET }, "drift", {
      expected: "x".repeat(1000),
      meaning: "m",
      mend: "n",
    });
    expect(printVerification([long])).to.contain(`expected: ${"x".repeat(400)}…\n`);
  });

  it("shows characters that would move the terminal's cursor as escapes", () => {
    const evil = createFinding({ check: "inline policy \u001b[2J", resource: BUCKET }, "drift", {
      actual: "a\u001b[2Jb",
      meaning: "m\r\n",
      mend: "n",
    });
    expect(printVerification([evil])).to.not.match(/(?!\n)\p{Cc}/u);
    expect(printVerification([evil])).to.contain("there is: a\\u001b[2Jb");
  });
});
