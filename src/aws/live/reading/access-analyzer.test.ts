import { expect } from "chai";
import {
  type ScriptedAccessAnalyzer,
  startScriptedAccessAnalyzer,
} from "../../../testing/aws/live/scripted-access-analyzer.ts";
import { policyAnalyzerContract, sampleRemark } from "../../../testing/contracts/aws/policy-analyzer-contract.ts";
import type { LiveAwsProblem } from "../comparison/live-facets.ts";
import { createAccessAnalyzer } from "./access-analyzer.ts";
import type { PolicyKind } from "./policy-analyzer.ts";

const DOCUMENT = { Version: "2012-10-17", Statement: [{ Sid: "Odd", Effect: "Allow" }] };
const { signal } = new AbortController();

describe("createAccessAnalyzer", () => {
  let server: ScriptedAccessAnalyzer;
  let analyzer: ReturnType<typeof createAccessAnalyzer>;

  before(async () => {
    server = await startScriptedAccessAnalyzer();
    analyzer = createAccessAnalyzer(place());
  });
  beforeEach(() => server.reset());
  after(async () => {
    analyzer.close();
    await server.stop();
  });

  const place = () => ({
    region: "eu-central-1",
    accessAnalyzerEndpoint: server.url,
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
  });

  policyAnalyzerContract(() => ({ analyzer, remark: server.remark }));

  describe("says what a policy is attached to", () => {
    const CASES: readonly (readonly [kind: PolicyKind, said: object])[] = [
      ["bucket", { policyType: "RESOURCE_POLICY", validatePolicyResourceType: "AWS::S3::Bucket" }],
      ["role", { policyType: "IDENTITY_POLICY" }],
      ["trust", { policyType: "RESOURCE_POLICY", validatePolicyResourceType: "AWS::IAM::AssumeRolePolicyDocument" }],
      ["resource", { policyType: "RESOURCE_POLICY" }],
    ];
    for (const [kind, said] of CASES) {
      it(`when it is of the kind ${kind}`, async () => {
        await analyzer.validatePolicy(DOCUMENT, kind, { signal });
        const body = { ...said, locale: "EN", policyDocument: JSON.stringify(DOCUMENT) };
        expect(server.asked).to.deep.equal([{ path: "POST /policy/validation", body }]);
      });
    }
  });

  describe("when it is refused", () => {
    const CASES = [
      [403, "AccessDeniedException", "denied"],
      [403, "UnrecognizedClientException", "credentials"],
      [403, "ExpiredTokenException", "credentials"],
      [404, "UnknownOperationException", "unsupported"],
      [501, "NotImplemented", "unsupported"],
      [400, "ValidationException", "failed"],
    ] as const;
    for (const [status, code, kind] of CASES) {
      it(`calls ${code} ${kind}`, async () => {
        server.answerWith({ status, body: '{"message":"in words"}', headers: { "x-amzn-errortype": code } });
        expect(await problemOf()).to.have.property("kind", kind);
      });
    }

    it("names the permission that is missing", async () => {
      const headers = { "x-amzn-errortype": "AccessDeniedException" };
      server.answerWith({ status: 403, body: '{"message":"no"}', headers });
      expect((await problemOf()).message).to.contain("it takes access-analyzer:ValidatePolicy");
    });

    it("calls a page of another server unsupported", async () => {
      server.answerWith({ status: 404, body: "<html>Not Found</html>", headers: { "content-type": "text/html" } });
      expect(await problemOf()).to.have.property("kind", "unsupported");
    });

    it("tries three times when it is too often asked, and no more", async () => {
      server.answerWith({ status: 429, body: "{}", headers: { "x-amzn-errortype": "ThrottlingException" } });
      expect(await problemOf()).to.have.property("kind", "failed");
      expect(server.asked).to.have.length(3);
    });
  });

  describe("when the answer is none", () => {
    it("does not take a policy for a good one", async () => {
      server.answerWith({ status: 200, body: "{}" });
      expect(await problemOf()).to.include({ kind: "failed", message: "the answer has no list of findings" });
    });

    it("takes what a finding leaves out for the worst", async () => {
      server.answerWith({ status: 200, body: '{"findings":[{}]}' });
      expect(await analyzer.validatePolicy(DOCUMENT, "role", { signal })).to.deep.equal([
        { type: "ERROR", code: "UNKNOWN", text: "", link: "", places: [] },
      ]);
    });

    it("follows no more than ten pages", async () => {
      server.remark(
        "Odd",
        Array.from({ length: 21 }, (_, at) => sampleRemark(at)),
      );
      expect(await problemOf()).to.include({ kind: "failed", message: "there are more than 10 pages of findings" });
      expect(server.asked).to.have.length(10);
    });
  });

  it("asks nobody where S3 alone is another server's", async () => {
    const alone = createAccessAnalyzer({ ...place(), endpoint: server.url, accessAnalyzerEndpoint: undefined });
    expect(await problemOf(alone)).to.have.property("kind", "unsupported");
    expect(server.asked).to.deep.equal([]);
    alone.close();
  });

  it("throws the signal's reason when it is aborted on the way", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const asked = analyzer.validatePolicy(DOCUMENT, "role", { signal: controller.signal });
    controller.abort(reason);
    expect(await asked.catch((thrown: unknown) => thrown)).to.equal(reason);
  });

  async function problemOf(asked = analyzer): Promise<LiveAwsProblem> {
    return await asked.validatePolicy(DOCUMENT, "role", { signal }).then(
      () => expect.fail("nothing stood in the way"),
      (error: LiveAwsProblem) => error,
    );
  }
});
