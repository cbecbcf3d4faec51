import { FakePolicyAnalyzer } from "./fake-policy-analyzer.ts";
import { policyAnalyzerContract } from "./policy-analyzer-contract.ts";

describe("FakePolicyAnalyzer", () => {
  let fake: FakePolicyAnalyzer;
  beforeEach(() => {
    fake = new FakePolicyAnalyzer();
  });

  policyAnalyzerContract(() => ({ analyzer: fake, remark: (text, remarks) => fake.remark(text, remarks) }));
});
