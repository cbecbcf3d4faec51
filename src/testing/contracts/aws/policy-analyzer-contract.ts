import { expect } from "chai";
import type { PolicyAnalyzer, PolicyKind, PolicyRemark } from "../../../aws/live/reading/policy-analyzer.ts";

/** An analyzer, and a way to say what it finds. New before each test. */
export interface PolicyAnalyzerSubject {
  readonly analyzer: PolicyAnalyzer;
  /** From now on, documents that have the text get these remarks. */
  remark(text: string, remarks: readonly PolicyRemark[]): void;
}

const KINDS = ["bucket", "role", "trust", "resource"] as const satisfies readonly PolicyKind[];

/** A remark of that number. */
export function sampleRemark(number: number, type = "WARNING"): PolicyRemark {
  return {
    type,
    code: `RULE_${number}`,
    text: `rule ${number} is broken`,
    link: `https://docs.example.com/rules#${number}`,
    places: [
      ["Statement", 0, "Action", number],
      ["Statement", 0, "Condition", "Bool"],
    ],
  };
}

/** The tests of every `PolicyAnalyzer`. */
export function policyAnalyzerContract(getSubject: () => PolicyAnalyzerSubject): void {
  const { signal } = new AbortController();
  const documentOf = (Sid: string) => ({ Version: "2012-10-17", Statement: [{ Sid, Effect: "Allow" }] });

  for (const kind of KINDS) {
    it(`has every remark on a policy of the kind ${kind}, in order, and none on another's`, async () => {
      const { analyzer, remark } = getSubject();
      const remarks = ["ERROR", "SECURITY_WARNING", "WARNING", "SUGGESTION", "WARNING"].map((type, at) =>
        sampleRemark(at, type),
      );
      remark("Odd", remarks);
      expect(await analyzer.validatePolicy(documentOf("Odd"), kind, { signal })).to.deep.equal(remarks);
      expect(await analyzer.validatePolicy(documentOf("Fine"), kind, { signal })).to.deep.equal([]);
    });
  }

  it("throws the signal's reason once it is aborted", async () => {
    const reason = new Error("enough");
    const asked = getSubject().analyzer.validatePolicy(documentOf("Odd"), "role", {
      signal: AbortSignal.abort(reason),
    });
    expect(await asked.catch((thrown: unknown) => thrown)).to.equal(reason);
  });
}
