import { STSClient } from "@aws-sdk/client-sts";
import { expect } from "chai";
import { STS_PARTITIONS, STS_REGIONS } from "./sts-regions.ts";

describe("STS_REGIONS", () => {
  it("has for each region the host that the SDK's own rules give", () => {
    const client = new STSClient({ region: "eu-central-1" });
    const { endpointProvider } = client.config;
    const byRules = [...STS_REGIONS.keys()].map((Region) => [
      Region,
      endpointProvider({ Region, UseFIPS: false, UseDualStack: false, UseGlobalEndpoint: false }).url.host,
    ]);
    expect(byRules).to.deep.equal([...STS_REGIONS].map(([region, { host }]) => [region, host]));
    client.destroy();
  });

  it("has those of China and GovCloud, and not the global one", () => {
    expect(STS_REGIONS.get("cn-north-1")).to.deep.equal({
      host: "sts.cn-north-1.amazonaws.com.cn",
      partition: "aws-cn",
    });
    expect(STS_REGIONS.get("us-gov-west-1")).to.include({ partition: "aws-us-gov" });
    expect([...STS_REGIONS.values()].map(({ host }) => host)).not.to.include("sts.amazonaws.com");
    expect(STS_REGIONS.size).to.be.above(35);
    expect([...STS_PARTITIONS]).to.deep.equal(["aws", "aws-cn", "aws-us-gov", "aws-eusc"]);
  });
});
