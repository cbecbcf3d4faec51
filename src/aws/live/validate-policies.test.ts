import { expect } from "chai";
import { GOLDEN_SETTINGS } from "../../testing/aws/golden-settings.ts";
import { FakePolicyAnalyzer } from "../../testing/aws/live/fake-policy-analyzer.ts";
import { sampleRemark } from "../../testing/contracts/aws/policy-analyzer-contract.ts";
import { type Configuration, generateConfiguration } from "../generate-configuration.ts";
import { findPolicies } from "../policy/policy.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import { MADE_UP } from "./comparison/made-up-ids.ts";
import type { PlainMap } from "./comparison/plain.ts";
import type { Finding } from "./finding.ts";
import { listPolicyDocuments } from "./policy-documents.ts";
import { validatePolicies } from "./validate-policies.ts";

const SMALLEST = generateConfiguration(parseSettings(GOLDEN_SETTINGS.smallest));
const EVERYTHING = generateConfiguration(parseSettings(GOLDEN_SETTINGS.everything));
const OF_BUCKET = "policy of bucket my-files";
const { signal } = new AbortController();

describe("listPolicyDocuments", () => {
  for (const [name, settings] of Object.entries(GOLDEN_SETTINGS)) {
    it(`has every policy of the template, in literal texts (${name})`, () => {
      const configuration = generateConfiguration(parseSettings(settings));
      const documents = listPolicyDocuments(configuration);
      const { resources } = configuration.template;
      expect(documents).to.have.length(
        Object.values(resources).flatMap(({ properties }) => findPolicies(properties)).length,
      );
      expect(new Set(documents.map(({ name: one }) => one)).size).to.equal(documents.length);
      const text = JSON.stringify(documents);
      expect(text).to.not.match(/"Fn::|"Ref"/);
      expect(text).to.not.contain(JSON.stringify(MADE_UP).slice(1, -1));
      // An example id replaces the one that AWS makes up. Within an ARN that is enough; for a whole ARN it is not.
      expect(text).to.not.contain('"E1EXAMPLE2SLUICE"');
    });
  }

  it("says what each is attached to", () => {
    const kinds = new Map(listPolicyDocuments(EVERYTHING).map(({ name, kind }) => [name, kind]));
    expect(kinds.get(OF_BUCKET)).to.equal("bucket");
    expect(kinds.get("policy of bucket my-files-logs")).to.equal("bucket");
    expect(kinds.get("trust policy of role my-files-firehose")).to.equal("trust");
    expect(kinds.get("policy access of role my-files-firehose")).to.equal("role");
    expect(kinds.get("policy of SqsQueuePolicy")).to.equal("resource");
    expect(kinds.get("policy of SnsKey")).to.equal("resource");
  });

  it("writes an id where AWS makes one up", () => {
    const policy = listPolicyDocuments(EVERYTHING).find(({ name }) => name === OF_BUCKET);
    const statements = policy?.document.Statement as readonly PlainMap[];
    const { Condition } = statements.find(({ Sid }) => Sid === "AllowCloudfront") as PlainMap;
    expect(JSON.stringify(Condition)).to.contain('"arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE2SLUICE"');
  });
});

describe("validatePolicies", () => {
  let analyzer: FakePolicyAnalyzer;
  beforeEach(() => {
    analyzer = new FakePolicyAnalyzer();
  });
  const validate = async (configuration: Configuration = SMALLEST) =>
    await validatePolicies(configuration, analyzer, { signal });
  const notOk = (findings: readonly Finding[]) => findings.filter(({ status }) => status !== "ok");

  it("has every document read, and is content where there is nothing to say", async () => {
    const findings = await validate(EVERYTHING);
    const documents = listPolicyDocuments(EVERYTHING);
    expect(findings).to.deep.equal(
      documents.map(({ name }) => ({ check: "validation", resource: name, status: "ok", meaning: "", mend: "" })),
    );
    expect(analyzer.asked).to.deep.equal(documents.map(({ document, kind }) => ({ document, kind })));
  });

  it("flags errors and warnings, with the statement by name", async () => {
    const types = ["ERROR", "SECURITY_WARNING", "WARNING", "WHAT_COMES_NEXT"];
    analyzer.remark(
      "DenyStalePresignedUrls",
      types.map((type, at) => sampleRemark(at, type)),
    );
    const found = notOk(await validate());
    expect(found.map(({ status, resource, check }) => [status, resource, check])).to.deep.equal(
      types.map((_, at) => ["flagged", OF_BUCKET, `validation RULE_${at}`]),
    );
    expect(found[1]?.meaning).to.equal(
      "SECURITY_WARNING in statement DenyPlaintext, Action[1]; statement DenyPlaintext, Condition.Bool: rule 1 is broken",
    );
    expect(found[1]?.mend).to.contain("https://docs.example.com/rules#1 explains the rule");
  });

  it("tells of places outside of the statements, of whole statements, and of none", async () => {
    const places = [["Version"], ["Statement", 0], ["Statement", 99, "Action"], []];
    analyzer.remark("DenyStalePresignedUrls", [
      { ...sampleRemark(1), places },
      { ...sampleRemark(2), places: [] },
    ]);
    expect(notOk(await validate()).map(({ meaning }) => meaning)).to.deep.equal([
      "WARNING in Version; statement DenyPlaintext; Statement[99].Action: rule 1 is broken",
      "WARNING: rule 2 is broken",
    ]);
  });

  it("lets suggestions be, and tells them", async () => {
    analyzer.remark("DenyStalePresignedUrls", [sampleRemark(1, "SUGGESTION")]);
    const findings = await validate();
    expect(notOk(findings)).to.deep.equal([]);
    const [finding, ...others] = findings.filter(({ meaning }) => meaning !== "");
    expect(others).to.deep.equal([]);
    expect(finding).to.include({ resource: OF_BUCKET, check: "validation RULE_1", status: "ok" });
    expect(finding?.meaning).to.match(/^SUGGESTION in statement DenyPlaintext/);
  });

  for (const [kind, status] of [
    ["denied", "unreadable"],
    ["failed", "unreadable"],
    ["unsupported", "unsupported"],
  ] as const) {
    it(`reports ${kind} once for all, and asks no more`, async () => {
      analyzer.fail("Statement", kind);
      const findings = await validate();
      expect(findings).to.have.length(1);
      expect(findings[0]).to.include({ check: "validation", resource: "policies", status });
      expect(findings[0]?.meaning).to.contain(`planted: ${kind}`);
      expect(analyzer.asked).to.have.length(1);
    });
  }

  it("reports a document that could not be read, and goes on with the others", async () => {
    analyzer.fail("DenyStalePresignedUrls", "failed");
    const findings = await validate();
    expect(notOk(findings).map(({ resource, status }) => [resource, status])).to.deep.equal([
      [OF_BUCKET, "unreadable"],
    ]);
    expect(notOk(findings)[0]?.meaning).to.contain("whether AWS objects to it is not known");
    expect(findings).to.have.length(listPolicyDocuments(SMALLEST).length);
  });

  it("fails as a whole without credentials", async () => {
    analyzer.fail("DenyStalePresignedUrls", "credentials");
    expect(await validate().catch((thrown: unknown) => thrown)).to.have.property("kind", "credentials");
  });

  it("ends with the caller's reason once it is aborted", async () => {
    const ended = validatePolicies(SMALLEST, analyzer, { signal: AbortSignal.abort(new Error("enough")) });
    expect(await ended.catch((thrown: unknown) => thrown)).to.have.property("message", "enough");
    expect(analyzer.asked).to.deep.equal([]);
  });

  it("has nothing to ask of a template without policies", async () => {
    const template = { ...SMALLEST.template, resources: {} };
    expect(await validate({ ...SMALLEST, template })).to.deep.equal([]);
  });
});
