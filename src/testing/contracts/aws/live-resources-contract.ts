import { expect } from "chai";
import { type LiveAws, LiveAwsProblem } from "../../../aws/live/comparison/live-facets.ts";
import type { LiveSite } from "../../aws/live/live-site.ts";

/** AWS, or what stands for it, and a way to set up what Cloud Control reads. Empty before each test. */
export interface LiveResourcesSubject {
  readonly liveAws: LiveAws;
  deploy(resources: LiveSite["resources"]): void;
}

const QUEUE = "AWS::SQS::Queue";
const URL = "https://sqs.eu-central-1.amazonaws.com/111122223333/files";
const PERMISSION = "AWS::Lambda::Permission";

/** The tests of every `LiveAws` about resources that are neither buckets nor roles. */
export function liveResourcesContract(getSubject: () => LiveResourcesSubject): void {
  const { signal } = new AbortController();

  it("reads the properties of a resource in CloudFormation's form", async () => {
    const { liveAws, deploy } = getSubject();
    const properties = { QueueName: "files", MessageRetentionPeriod: 60, RedriveAllowPolicy: { a: ["b"] } };
    deploy({ [QUEUE]: { [URL]: properties } });
    expect(await liveAws.readResource(QUEUE, URL, { signal })).to.deep.equal(properties);
  });

  it("says when there is no such resource", async () => {
    const error = await getSubject()
      .liveAws.readResource(QUEUE, URL, { signal })
      .catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(LiveAwsProblem).and.to.have.property("kind", "missing");
  });

  it("lists the identifiers of a type, and of one parent where it is named", async () => {
    const { liveAws, deploy } = getSubject();
    const of = (FunctionName: string) => ({ FunctionName, Principal: "s3.amazonaws.com" });
    deploy({ [PERMISSION]: { "a|1": of("a"), "a|2": of("a"), "b|1": of("b") }, [QUEUE]: { [URL]: {} } });
    expect(await liveAws.listResources(PERMISSION, { signal })).to.deep.equal(["a|1", "a|2", "b|1"]);
    const within = { FunctionName: "a" };
    expect(await liveAws.listResources(PERMISSION, { signal, within })).to.deep.equal(["a|1", "a|2"]);
    expect(await liveAws.listResources("AWS::KMS::Key", { signal })).to.deep.equal([]);
  });

  it("ends a reading of a resource and of a list with the signal's reason", async () => {
    const reason = new Error("enough");
    const aborted = { signal: AbortSignal.abort(reason) };
    const { liveAws } = getSubject();
    for (const reading of [liveAws.readResource(QUEUE, URL, aborted), liveAws.listResources(QUEUE, aborted)]) {
      expect(await reading.catch((thrown: unknown) => thrown)).to.equal(reason);
    }
  });
}
