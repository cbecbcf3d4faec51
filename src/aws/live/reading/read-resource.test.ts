import { expect } from "chai";
import {
  type ScriptedCloudControl,
  startScriptedCloudControl,
} from "../../../testing/aws/live/scripted-cloud-control.ts";
import { liveResourcesContract } from "../../../testing/contracts/aws/live-resources-contract.ts";
import { type LiveAws, LiveAwsProblem, RESOURCES_LISTED_MAX } from "../comparison/live-facets.ts";
import { createLiveAws } from "./live-aws.ts";

const { signal } = new AbortController();
const TRAIL = "AWS::CloudTrail::Trail";

describe("createLiveAws beside Cloud Control", () => {
  let cloudControl: ScriptedCloudControl;
  let liveAws: LiveAws & { close(): void };

  before(async () => {
    cloudControl = await startScriptedCloudControl();
    liveAws = createLiveAws({ ...place(), cloudControlEndpoint: cloudControl.url });
  });
  beforeEach(() => cloudControl.reset());
  after(async () => {
    liveAws.close();
    await cloudControl.stop();
  });

  const place = () => ({
    region: "eu-central-1",
    account: "111122223333",
    endpoint: "http://127.0.0.1:9",
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
  });

  async function refusalOf(reading: Promise<unknown>): Promise<LiveAwsProblem> {
    const error = await reading.catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(LiveAwsProblem);
    return error as LiveAwsProblem;
  }

  liveResourcesContract(() => ({ liveAws, deploy: (resources) => cloudControl.deploy(resources) }));

  it("follows a list to its next page, and no further than its bound", async () => {
    const many = Array.from({ length: RESOURCES_LISTED_MAX + 1 }, (_, at) => [`trail-${at}`, {}] as const);
    cloudControl.deploy({ [TRAIL]: Object.fromEntries(many) });
    const listed = await liveAws.listResources(TRAIL, { signal });
    expect(listed).to.deep.equal(many.slice(0, RESOURCES_LISTED_MAX).map(([name]) => name));
  });

  it("ends a list at a page that has nobody on it", async () => {
    cloudControl.answerWith(JSON.stringify({ ResourceDescriptions: [], NextToken: "again" }));
    expect(await liveAws.listResources(TRAIL, { signal })).to.deep.equal([]);
    expect(cloudControl.asked).to.have.length(1);
  });

  // https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_GetResource.html
  for (const [type, status, kind] of [
    ["TypeNotFoundException", 404, "unsupported"],
    ["UnsupportedActionException", 405, "unsupported"],
    ["AccessDeniedException", 400, "denied"],
    ["UnrecognizedClientException", 400, "credentials"],
    ["InvalidRequestException", 400, "failed"],
  ] as const) {
    it(`calls ${type} ${kind}`, async () => {
      cloudControl.refuse(() => ({ status, type, message: "no" }));
      expect(await refusalOf(liveAws.readResource(TRAIL, "t", { signal }))).to.have.property("kind", kind);
    });
  }

  it("names the permission that AWS says is missing, whichever service lacks it", async () => {
    const message =
      "User: arn:aws:sts::111122223333:assumed-role/ci/1 is not authorized to perform: cloudtrail:GetTrail on resource: arn:aws:cloudtrail:eu-central-1:111122223333:trail/t because no identity-based policy allows the cloudtrail:GetTrail action";
    cloudControl.refuse(() => ({ status: 400, type: "GeneralServiceException", message }));
    const problem = await refusalOf(liveAws.readResource(TRAIL, "t", { signal }));
    expect(problem).to.deep.include({ kind: "denied", permissions: ["cloudtrail:GetTrail"] });
    expect(problem.message).to.equal("these credentials may not read it; it takes cloudtrail:GetTrail");
  });

  it("names all permissions of the reading where AWS names none", async () => {
    cloudControl.refuse(() => ({ status: 400, type: "AccessDeniedException", message: "no" }));
    const { permissions } = await refusalOf(liveAws.readResource("AWS::SQS::Queue", "q", { signal }));
    expect(permissions).to.deep.equal(["cloudformation:GetResource", "sqs:GetQueueAttributes", "sqs:ListQueueTags"]);
  });

  it("believes no answer without properties", async () => {
    cloudControl.answerWith("{}");
    const problem = await refusalOf(liveAws.readResource(TRAIL, "t", { signal }));
    expect(problem).to.include({ kind: "failed", message: "the answer has no properties" });
  });

  it("is not asked where only another S3 endpoint is named", async () => {
    const alone = createLiveAws(place());
    const problem = await refusalOf(alone.readResource(TRAIL, "t", { signal }));
    expect(problem.kind).to.equal("unsupported");
    expect(problem.message).to.contain("AWS::CloudTrail::Trail is not asked for");
    alone.close();
  });
});
