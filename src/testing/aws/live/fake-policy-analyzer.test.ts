import { policyAnalyzerContract } from "../../contracts/aws/policy-analyzer-contract.ts";
import { FakePolicyAnalyzer } from "./fake-policy-analyzer.ts";

describe("FakePolicyAnalyzer", () => {
  let fake: FakePolicyAnalyzer;
  beforeEach(() => {
    fake = new FakePolicyAnalyzer();
  });

  policyAnalyzerContract(() => ({ analyzer: fake, remark: (text, remarks) => fake.remark(text, remarks) }));
});
