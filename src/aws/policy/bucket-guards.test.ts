import { expect } from "chai";
import {
  type AccessRequest,
  createPolicyEvaluator,
  type Decision,
} from "../../testing/aws/policies/policy-evaluator.ts";
import { baseContext } from "../../testing/aws/policies/sample-requests.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";

type Context = AccessRequest["context"];

const PLACE = { bucket: "my-files", region: "eu-central-1", account: "111122223333" };
const PRESIGNED = { "s3:authType": "REST-QUERY-STRING", "s3:signatureAge": "1000" };
const SCAN_TAG = "s3:ExistingObjectTag/GuardDutyMalwareScanStatus";

/**
 * Makes requests against a template: who (a role's purpose, an ARN or a service), which action, on which `key` ("" is the
 * bucket), with which other facts from AWS, and `without` which condition key.
 */
function createAsker(said: Record<string, unknown> = {}) {
  const configuration = generateConfiguration(parseSettings({ ...PLACE, ...said }));
  const { site } = configuration;
  const evaluator = createPolicyEvaluator(configuration);
  return (
    who: string,
    action: string,
    { key = "files/a", without = "", ...context }: Readonly<Record<string, string | readonly string[]>> = {},
  ): Promise<Decision> => {
    const principal = who.includes(".") || who.startsWith("arn:") ? who : site.roleArn(who);
    const resource = key === "" ? site.bucketArn : `${site.bucketArn}/${key}`;
    const all = Object.entries({ ...baseContext(site, principal), ...context }).filter(([name]) => name !== without);
    return evaluator.evaluate({ principal, action, resource, context: Object.fromEntries(all) as Context });
  };
}

describe("the guard of TLS", () => {
  const ask = createAsker({ services: { cloudfront: true } });

  it("asks 1.3 of Sluice's own roles", async () => {
    for (const [who, action] of [
      ["read", "s3:GetObject"],
      ["write", "s3:PutObject"],
      ["write", "s3:DeleteObjectVersion"],
    ] as const) {
      expect(await ask(who, action, { "s3:TlsVersion": "1.2" }), who).to.equal("ExplicitlyDenied");
      expect(await ask(who, action, { "s3:TlsVersion": "1.3" }), who).to.equal("Allowed");
    }
    expect(await ask("read", "s3:ListBucket", { key: "", "s3:TlsVersion": "1.2" })).to.equal("ExplicitlyDenied");
  });

  it("asks 1.2 of presigned URLs, which any browser may open", async () => {
    expect(await ask("read", "s3:GetObject", { ...PRESIGNED, "s3:TlsVersion": "1.2" })).to.equal("Allowed");
    expect(await ask("write", "s3:PutObject", { ...PRESIGNED, "s3:TlsVersion": "1.2" })).to.equal("Allowed");
    expect(await ask("read", "s3:GetObject", { ...PRESIGNED, "s3:TlsVersion": "1.1" })).to.equal("ExplicitlyDenied");
  });

  it("asks 1.2 of everyone else", async () => {
    const distribution = "arn:aws:cloudfront::111122223333:distribution/standincloudfrontdistribution";
    const from = { "aws:SourceArn": distribution };
    expect(await ask("cloudfront.amazonaws.com", "s3:GetObject", { ...from, "s3:TlsVersion": "1.2" })).to.equal(
      "Allowed",
    );
    expect(await ask("cloudfront.amazonaws.com", "s3:GetObject", { ...from, "s3:TlsVersion": "1.1" })).to.equal(
      "ExplicitlyDenied",
    );
  });

  it("asks 1.2 of Sluice's roles too where they use an interface endpoint", async () => {
    const behindEndpoint = createAsker({ tls: { own: "1.2" } });
    expect(await behindEndpoint("read", "s3:GetObject", { "s3:TlsVersion": "1.2" })).to.equal("Allowed");
    expect(await behindEndpoint("read", "s3:GetObject", { "s3:TlsVersion": "1.1" })).to.equal("ExplicitlyDenied");
  });

  it("lets nothing come in plaintext", async () => {
    for (const context of [{}, PRESIGNED]) {
      const plaintext = { ...context, "aws:SecureTransport": "false" };
      expect(await ask("read", "s3:GetObject", plaintext)).to.equal("ExplicitlyDenied");
      expect(await ask("read", "s3:ListBucket", { ...plaintext, key: "" })).to.equal("ExplicitlyDenied");
    }
  });
});

describe("the guard of presigned URLs", () => {
  it("refuses them once they are as old as the settings say", async () => {
    const ask = createAsker({ presign: { ageSecondsMax: 900 } });
    const aged = (milliseconds: number) => ({ ...PRESIGNED, "s3:signatureAge": String(milliseconds) });
    expect(await ask("read", "s3:GetObject", aged(900_000))).to.equal("Allowed");
    expect(await ask("read", "s3:GetObject", aged(900_001))).to.equal("ExplicitlyDenied");
    expect(await ask("write", "s3:PutObject", aged(900_001))).to.equal("ExplicitlyDenied");
  });

  it("refuses them after an hour when the settings say nothing", async () => {
    const ask = createAsker();
    expect(await ask("read", "s3:GetObject", { ...PRESIGNED, "s3:signatureAge": "3600000" })).to.equal("Allowed");
    expect(await ask("read", "s3:GetObject", { ...PRESIGNED, "s3:signatureAge": "3600001" })).to.equal(
      "ExplicitlyDenied",
    );
  });

  it("does not hold for requests signed in a header", async () => {
    expect(await createAsker()("read", "s3:GetObject", { "s3:signatureAge": "899999999" })).to.equal("Allowed");
  });
});

describe("the guard of encryption", () => {
  const ask = createAsker({ services: { firehose: true } });
  const HEADER = "s3:x-amz-server-side-encryption";

  for (const [who, key] of [
    ["write", "files/a"],
    ["firehose", "external/firehose/a"],
  ] as const) {
    it(`lets ${who} say nothing, or AES256`, async () => {
      expect(await ask(who, "s3:PutObject", { key })).to.equal("Allowed");
      expect(await ask(who, "s3:PutObject", { key, [HEADER]: "AES256" })).to.equal("Allowed");
    });

    it(`refuses ${who} any kind of KMS`, async () => {
      for (const algorithm of ["aws:kms", "aws:kms:dsse", "aes256"]) {
        expect(await ask(who, "s3:PutObject", { key, [HEADER]: algorithm })).to.equal("ExplicitlyDenied");
      }
    });
  }
});

describe("the guard of residency", () => {
  const ask = createAsker({ residency: ["eu-central-1", "eu-west-1"], services: { cloudfront: true } });

  it("takes requests in the regions of the residency", async () => {
    expect(await ask("read", "s3:GetObject", { "aws:RequestedRegion": "eu-west-1" })).to.equal("Allowed");
  });

  it("refuses requests in other regions, presigned or not", async () => {
    for (const context of [{}, PRESIGNED]) {
      const elsewhere = { ...context, "aws:RequestedRegion": "us-east-1" };
      expect(await ask("read", "s3:GetObject", elsewhere)).to.equal("ExplicitlyDenied");
      expect(await ask("write", "s3:PutObject", elsewhere)).to.equal("ExplicitlyDenied");
    }
  });

  it("leaves AWS services to their own statements", async () => {
    const distribution = "arn:aws:cloudfront::111122223333:distribution/standincloudfrontdistribution";
    const context = { "aws:SourceArn": distribution, "aws:RequestedRegion": "us-east-1" };
    expect(await ask("cloudfront.amazonaws.com", "s3:GetObject", context)).to.equal("Allowed");
  });
});

describe("the gate of GuardDuty", () => {
  const ask = createAsker({ services: { guardduty: true } });

  it("refuses what has not been scanned, and what is not clean", async () => {
    expect(await ask("read", "s3:GetObject", { without: SCAN_TAG })).to.equal("ExplicitlyDenied");
    for (const result of ["THREATS_FOUND", "UNSUPPORTED", "ACCESS_DENIED", "FAILED"]) {
      expect(await ask("read", "s3:GetObject", { [SCAN_TAG]: result }), result).to.equal("ExplicitlyDenied");
      expect(await ask("read", "s3:GetObjectVersion", { [SCAN_TAG]: result }), result).to.equal("ExplicitlyDenied");
    }
    expect(await ask("read", "s3:GetObject", { [SCAN_TAG]: "NO_THREATS_FOUND" })).to.equal("Allowed");
  });

  it("lets Sluice's commits and the scanner through", async () => {
    expect(await ask("write", "s3:GetObject", { [SCAN_TAG]: "THREATS_FOUND" })).to.equal("Allowed");
    expect(await ask("guardduty", "s3:GetObject", { [SCAN_TAG]: "THREATS_FOUND" })).to.equal("Allowed");
  });

  it("binds AWS Backup, whose notes say so", async () => {
    const settings = parseSettings({ ...PLACE, services: { guardduty: true, backup: true } });
    const { connections } = generateConfiguration(settings);
    expect(JSON.stringify(connections[0]?.connection.notes)).to.include("it backs up only files that were found clean");
    const both = createAsker({ services: { guardduty: true, backup: true } });
    expect(await both("backup", "s3:GetObjectVersion", { without: SCAN_TAG })).to.equal("ExplicitlyDenied");
    expect(await both("backup", "s3:GetObjectVersion", { [SCAN_TAG]: "NO_THREATS_FOUND" })).to.equal("Allowed");
  });

  it("refuses a URL of what is not clean, whoever signed it", async () => {
    const administrator = "arn:aws:iam::111122223333:role/administrator";
    for (const who of ["write", "read", administrator]) {
      const unscanned = { ...PRESIGNED, without: SCAN_TAG };
      const infected = { ...PRESIGNED, [SCAN_TAG]: "THREATS_FOUND" };
      for (const action of ["s3:GetObject", "s3:GetObjectVersion"]) {
        expect(await ask(who, action, unscanned), who).to.equal("ExplicitlyDenied");
        expect(await ask(who, action, infected), who).to.equal("ExplicitlyDenied");
        expect(await ask(who, action, { ...PRESIGNED, [SCAN_TAG]: "NO_THREATS_FOUND" }), who).to.equal("Allowed");
      }
      expect(await ask(who, "s3:PutObject", unscanned), who).to.equal(who === "read" ? "ImplicitlyDenied" : "Allowed");
    }
  });

  it("lets nobody but the scanner say that a file is clean", async () => {
    const tags = { "s3:RequestObjectTagKeys": ["GuardDutyMalwareScanStatus"] };
    const administrator = "arn:aws:iam::111122223333:role/administrator";
    expect(await ask("guardduty", "s3:PutObjectTagging", tags)).to.equal("Allowed");
    expect(await ask("write", "s3:PutObject", tags)).to.equal("ExplicitlyDenied");
    expect(await ask(administrator, "s3:PutObjectTagging", tags)).to.equal("ExplicitlyDenied");
    expect(await ask(administrator, "s3:PutObjectTagging", { "s3:RequestObjectTagKeys": ["team"] })).to.equal(
      "Allowed",
    );
  });
});
