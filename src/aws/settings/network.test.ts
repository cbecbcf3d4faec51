import { expect } from "chai";
import { expectProblem, problemsWith } from "../../testing/aws/settings-problems.ts";

const ENDPOINT = "vpce-0123456789abcdef0";
const GATEWAY = { vpc: "vpc-0123456789abcdef0", routeTables: ["rtb-0123456789abcdef0"] };

describe("network", () => {
  it("is an endpoint that is there or is made, a fence around the files, or both", () => {
    for (const network of [
      { gatewayEndpoint: ENDPOINT },
      { gatewayEndpoint: GATEWAY, buckets: ["packages"] },
      { vpcEndpoints: [ENDPOINT], own: "urls", roles: ["arn:aws:iam::111122223333:role/pipeline"] },
      { gatewayEndpoint: GATEWAY, vpcEndpoints: [] },
    ]) {
      expect(problemsWith({ network }), JSON.stringify(network)).to.deep.equal([]);
    }
  });

  it("shuts not everybody out", () => {
    expectProblem({ network: { vpcEndpoints: [] } }, "network.vpcEndpoints", /would shut everybody out/);
  });

  it("takes no exception from a fence that is not there", () => {
    expectProblem(
      { network: { own: "urls" } },
      "network.own",
      /exception from network\.vpcEndpoints, which are not said/,
    );
    const roles = ["arn:aws:iam::111122223333:role/pipeline"];
    expectProblem({ network: { roles } }, "network.roles", /exception from network\.vpcEndpoints/);
    expectProblem({ network: { buckets: ["packages"] } }, "network.buckets", /for the policy of a gateway endpoint/);
  });

  it("excepts roles of the bucket's partition", () => {
    const roles = ["arn:aws-us-gov:iam::111122223333:role/pipeline"];
    expectProblem({ network: { vpcEndpoints: [ENDPOINT], roles } }, "network.roles", /of partition aws-us-gov/);
  });

  it("says what an id looks like, and the near name of an option that there is not", () => {
    expectProblem({ network: { vpcEndpoints: ["vpc-1"] } }, "network.vpcEndpoints.0", /"vpce-0123456789abcdef0"/);
    expectProblem({ network: { vpcEndpoint: [] } }, "network.vpcEndpoint", /did you mean "vpcEndpoints"\?/);
    expectProblem(
      { network: { gatewayEndpoint: { ...GATEWAY, routeTable: [] } } },
      "network.gatewayEndpoint.routeTable",
      /did you mean "routeTables"\?/,
    );
  });
});
