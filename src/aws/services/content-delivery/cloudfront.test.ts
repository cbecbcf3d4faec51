import { generateKeyPairSync } from "node:crypto";
import { expect } from "chai";
import { parseSettings } from "../../settings/parse-settings.ts";
import { createSite } from "../../template/site.ts";
import type { Properties } from "../../template/value.ts";
import { CLOUDFRONT } from "./cloudfront.ts";

const MINIMAL = { bucket: "my-files", region: "eu-central-1", account: "111122223333" };
const CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012";

function connect(options: object, place: object = {}) {
  return CLOUDFRONT.connect(createSite(parseSettings({ ...MINIMAL, ...place })), CLOUDFRONT.options.parse(options));
}

function readDistribution(options: object): Properties {
  return connect(options).resources?.CloudfrontDistribution?.properties.DistributionConfig as Properties;
}

function createPem(type: "rsa" | "ec", size = 2048, namedCurve = "prime256v1"): string {
  const keys =
    type === "rsa" ? generateKeyPairSync("rsa", { modulusLength: size }) : generateKeyPairSync("ec", { namedCurve });
  return keys.publicKey.export({ type: "spki", format: "pem" }) as string;
}

describe("CloudFront", () => {
  it("refuses every request while there is no public key", () => {
    const behavior = readDistribution({}).DefaultCacheBehavior as Properties;
    expect(behavior.FunctionAssociations).to.deep.equal([
      { EventType: "viewer-request", FunctionARN: { "Fn::GetAtt": ["CloudfrontRefusal", "FunctionARN"] } },
    ]);
    expect(behavior).to.not.have.property("TrustedKeyGroups");
  });

  it("serves URLs signed by the key, and replaces the key with another one", () => {
    const first = connect({ publicKey: createPem("ec") });
    const second = connect({ publicKey: createPem("ec") });
    expect(first.resources).to.not.have.property("CloudfrontRefusal");
    expect(first.outputs?.CloudfrontKeyPairId).to.not.deep.equal(second.outputs?.CloudfrontKeyPairId);
  });

  it("takes keys that CloudFront takes, and no private one", () => {
    const isTaken = (publicKey: string) => CLOUDFRONT.options.safeParse({ publicKey }).success;
    expect([createPem("rsa"), createPem("ec")].map(isTaken)).to.deep.equal([true, true]);
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const refused = [
      createPem("rsa", 1024),
      createPem("ec", 0, "secp384r1"),
      privateKey.export({ type: "pkcs8", format: "pem" }) as string,
      "-----BEGIN PUBLIC KEY-----",
    ];
    expect(refused.map(isTaken)).to.deep.equal([false, false, false, false]);
  });

  it("keeps nothing at the edge unless asked", () => {
    const policies = [{}, { cache: true }].map(
      (options) => (readDistribution(options).DefaultCacheBehavior as Properties).CachePolicyId,
    );
    expect(new Set(policies)).to.have.lengthOf(2);
    expect(connect({ cache: true }).notes?.join()).to.contain("outside of the residency");
  });

  it("asks for TLS 1.2 with a certificate, which goes with host names", () => {
    const config = readDistribution({ certificateArn: CERTIFICATE, aliases: ["files.example.com"] });
    expect(config).to.have.nested.property("ViewerCertificate.MinimumProtocolVersion", "TLSv1.2_2021");
    const refusal = (cloudfront: object) => () => parseSettings({ ...MINIMAL, services: { cloudfront } });
    expect(refusal({ certificateArn: CERTIFICATE })).to.throw("cloudfront.aliases is missing");
    expect(refusal({ aliases: ["files.example.com"] })).to.throw("cloudfront.certificateArn is missing");
  });

  it("sets up access logs where a stack can, and says how where it cannot", () => {
    expect(connect({}, { region: "us-east-1" }).resources).to.include.keys("CloudfrontLogDelivery");
    expect(connect({}).resources).to.not.have.any.keys("CloudfrontLogDelivery");
    expect(connect({}).notes?.join()).to.contain("aws logs create-delivery --region us-east-1");
  });
});
