import { expect } from "chai";
import { z } from "zod";
import { type Configuration, generateConfiguration } from "./generate-configuration.ts";
import { Policy } from "./policy/policy.ts";
import { SERVICES } from "./services/services.ts";
import { toEnvironment } from "./settings/environment.ts";
import { parseSettings } from "./settings/parse-settings.ts";
import type { Properties } from "./template/value.ts";

const LEAST = { bucket: "my-files", region: "eu-central-1", account: "111122223333" };

function generate(said: Record<string, unknown> = {}): Configuration {
  return generateConfiguration(parseSettings({ ...LEAST, ...said }));
}

function propertiesOf({ template }: Configuration, logicalId: string): Properties {
  const resource = template.resources[logicalId];
  expect(resource, logicalId).to.not.equal(undefined);
  return resource?.properties as Properties;
}

function sidsOf(configuration: Configuration, logicalId: string): string[] {
  return (propertiesOf(configuration, logicalId).PolicyDocument as Policy).statements.map(({ sid }) => sid);
}

describe("generateConfiguration without any service", () => {
  const bare = generate();

  it("makes two buckets, their policies and Sluice's own roles", () => {
    expect(Object.keys(bare.template.resources)).to.deep.equal([
      ...["LogBucket", "LogBucketPolicy", "DataBucket", "DataBucketPolicy"],
      ...["WriteRole", "ReadRole", "VerifyRole"],
    ]);
  });

  it("encrypts, versions and closes every bucket, and keeps it when the stack goes", () => {
    for (const logicalId of ["LogBucket", "DataBucket"]) {
      const properties = propertiesOf(bare, logicalId);
      expect(properties.VersioningConfiguration).to.deep.equal({ Status: "Enabled" });
      expect(JSON.stringify(properties.BucketEncryption)).to.include('"SSEAlgorithm":"AES256"').and.include("SSE-C");
      expect(Object.values(properties.PublicAccessBlockConfiguration as object)).to.deep.equal(Array(4).fill(true));
      expect(JSON.stringify(properties.OwnershipControls)).to.include("BucketOwnerEnforced");
      expect(bare.template.resources[logicalId]?.isRetained).to.equal(true);
    }
  });

  it("lets no one in by the bucket's policy: all of it are guards", () => {
    const { statements } = propertiesOf(bare, "DataBucketPolicy").PolicyDocument as Policy;
    expect(new Set(statements.map(({ effect }) => effect))).to.deep.equal(new Set(["Deny"]));
  });

  it("deploys in its own region and account alone", () => {
    expect(bare.template.rules.Residency?.assert).to.deep.equal({
      "Fn::Contains": [["eu-central-1"], { Ref: "AWS::Region" }],
    });
    expect(bare.template.rules.Account?.assert).to.deep.equal({
      "Fn::Contains": [["111122223333"], { Ref: "AWS::AccountId" }],
    });
  });
});

describe("generateConfiguration by its settings", () => {
  it("adds the bucket of audit anchors, locked, and the right to write there", () => {
    const anchored = generate({ anchors: { mode: "COMPLIANCE", days: 30 } });
    expect(JSON.stringify(propertiesOf(anchored, "AnchorBucket").ObjectLockConfiguration)).to.include(
      '"DefaultRetention":{"Mode":"COMPLIANCE","Days":30}',
    );
    expect(propertiesOf(anchored, "DataBucket")).to.not.have.property("ObjectLockConfiguration");
    expect(JSON.stringify(anchored.template.outputs.AnchorBucket)).to.include("my-files-anchors");
  });

  it("lets the role of commands send events to the buses that are named, and to none otherwise", () => {
    const bus = "arn:aws:events:eu-central-1:111122223333:event-bus/files";
    const sending = JSON.stringify(propertiesOf(generate({ eventBuses: [bus] }), "WriteRole"));
    expect(sending).to.include('"events:PutEvents"').and.to.include(`"${bus}"`);
    expect(toEnvironment(generate({ eventBuses: [bus] }))).to.include({ SLUICE_EVENT_BUSES: bus });
    expect(JSON.stringify(generate().template.resources)).to.not.include("events:PutEvents");
    expect(JSON.stringify(propertiesOf(generate({ eventBuses: [bus] }), "ReadRole"))).to.not.include("PutEvents");
  });

  it("asks for TLS 1.3 of its own roles unless they use an interface endpoint", () => {
    expect(sidsOf(generate(), "DataBucketPolicy")).to.include("DenyOwnRolesBelowTls13");
    expect(sidsOf(generate({ tls: { own: "1.2" } }), "DataBucketPolicy")).to.not.include("DenyOwnRolesBelowTls13");
  });

  it("tiers files unless it is told never to", () => {
    const rules = (tieringDays: number | null) =>
      JSON.stringify(propertiesOf(generate({ lifecycle: { tieringDays } }), "DataBucket").LifecycleConfiguration);
    expect(rules(0)).to.include('"StorageClass":"INTELLIGENT_TIERING","TransitionInDays":0');
    expect(rules(null)).to.not.include("INTELLIGENT_TIERING");
  });

  it("lets pages of the named origins send parts", () => {
    expect(propertiesOf(generate(), "DataBucket")).to.not.have.property("CorsConfiguration");
    const cors = propertiesOf(generate({ cors: { origins: ["https://app.example.com"] } }), "DataBucket");
    expect(JSON.stringify(cors.CorsConfiguration)).to.include('"AllowedOrigins":["https://app.example.com"]');
  });

  it("trusts the service account of an EKS cluster, and no other", () => {
    const irsa = {
      provider: "oidc.eks.eu-central-1.amazonaws.com/id/ABC123",
      namespace: "files",
      serviceAccount: "sluice",
    };
    const configuration = generate({ compute: { ecs: false, podIdentity: false, irsa } });
    const trust = propertiesOf(configuration, "WriteRole").AssumeRolePolicyDocument as Policy;
    expect(trust.statements.map(({ sid }) => sid)).to.deep.equal(["AssumedByServiceAccount"]);
    expect(trust.statements[0]?.conditions).to.deep.equal({
      StringEquals: {
        [`${irsa.provider}:sub`]: "system:serviceaccount:files:sluice",
        [`${irsa.provider}:aud`]: "sts.amazonaws.com",
      },
    });
  });

  it("expects of a service account in China the audience that EKS gives everywhere", () => {
    const provider = "oidc.eks.cn-north-1.amazonaws.com.cn/id/ABC123";
    const irsa = { provider, namespace: "files", serviceAccount: "sluice" };
    const configuration = generate({ region: "cn-north-1", compute: { irsa } });
    const trust = propertiesOf(configuration, "WriteRole").AssumeRolePolicyDocument as Policy;
    const statement = trust.statements.find(({ sid }) => sid === "AssumedByServiceAccount");
    expect(statement?.conditions?.StringEquals).to.include({ [`${provider}:aud`]: "sts.amazonaws.com" });
  });

  it("bounds every role and tags everything that takes tags", () => {
    const permissionsBoundary = "arn:aws:iam::111122223333:policy/bound";
    const all = generate({ permissionsBoundary, tags: { Team: "files" }, services: { firehose: true } });
    for (const { type, properties } of Object.values(all.template.resources)) {
      if (type === "AWS::IAM::Role") expect(properties.PermissionsBoundary).to.equal(permissionsBoundary);
      if (type === "AWS::IAM::Role" || type === "AWS::S3::Bucket") {
        expect(properties.Tags).to.deep.equal([{ Key: "Team", Value: "files" }]);
      }
    }
  });

  it("writes every ARN in the partition of the region", () => {
    const text = (region: string) =>
      JSON.stringify(generate({ region, services: { firehose: true, sqs: true } }).template, (_, value) =>
        value instanceof Policy ? value.toJson() : value,
      );
    expect(text("cn-north-1")).to.include("arn:aws-cn:s3:::my-files").and.not.include("arn:aws:");
    expect(text("us-gov-west-1")).to.include("arn:aws-us-gov:s3:::my-files").and.not.include("arn:aws:");
  });
});

describe("generateConfiguration with services", () => {
  it("adds what they add, in the order of the list", () => {
    const { connections, template } = generate({ services: { sqs: true, firehose: true } });
    expect(connections.map(({ service }) => service.name)).to.deep.equal(
      SERVICES.map(({ name }) => name).filter((name) => ["sqs", "firehose"].includes(name)),
    );
    expect(template.resources).to.include.keys("SqsQueue", "FirehoseRole");
    expect(template.outputs).to.include.keys("SqsQueueUrl");
  });

  it("has S3 tell one service directly, and EventBridge all others", () => {
    const direct = generate({ services: { sqs: { delivery: "direct" } } });
    const { NotificationConfiguration } = propertiesOf(direct, "DataBucket");
    expect(NotificationConfiguration).to.include.keys("EventBridgeConfiguration", "QueueConfigurations");
    expect(direct.template.resources.DataBucket?.dependsOn).to.include("SqsQueuePolicy");
  });
});

describe("generateConfiguration with statements of one's own", () => {
  const statement = {
    Sid: "Partner",
    Effect: "Allow",
    Principal: { AWS: "444455556666" },
    Action: "s3:GetObject",
    Resource: "arn:aws:s3:::my-files/files/*",
  };

  it("keeps them at the end of the bucket's policy, as they are", () => {
    const Condition = { StringEquals: { "aws:PrincipalTag/team": "reports" } };
    const own = generate({ statements: [{ ...statement, Condition }] });
    const { PolicyDocument } = propertiesOf(own, "DataBucketPolicy");
    const { Statement } = (PolicyDocument as Policy).toJson() as { Statement: readonly Properties[] };
    expect(Statement.at(-1)).to.deep.equal({ ...statement, Condition, Principal: { AWS: "444455556666" } });
    expect(Statement.slice(0, -1)).to.deep.equal(
      (propertiesOf(generate(), "DataBucketPolicy").PolicyDocument as Policy).toJson().Statement,
    );
  });

  it("refuses a Sid of the guards, of a service, and of a consumer", () => {
    const consumers = [{ name: "reports", role: "arn:aws:iam::444455556666:role/reports" }];
    for (const Sid of ["DenyPlaintext", "DenyReadsUnlessClean", "AllowConsumerReportsRead"]) {
      const said = { services: { guardduty: true }, consumers, statements: [{ ...statement, Sid }] };
      expect(() => generate(said)).to.throw(`statements.0.Sid: ${Sid} is a statement that Sluice makes`);
    }
  });

  it("refuses a policy above 20 KiB, with its sum", () => {
    const statements = Array.from({ length: 90 }, (_, at) => ({
      ...statement,
      Sid: `Partner${at}`,
      Resource: `arn:aws:s3:::my-files/files/${"x".repeat(100)}/*`,
    }));
    expect(() => generate({ statements })).to.throw(
      /^DataBucketPolicy would have \d+ bytes \(1543 of the guards \+ \d+ of statements of your own\), and AWS takes 20480;/,
    );
  });
});

const FUNCTION_ARN = "arn:aws:lambda:eu-central-1:111122223333:function:my-files-hear";

/** Options with which S3 itself notifies a service; undefined for services that cannot have them. */
function directOptionsOf({ shape }: z.ZodObject): Record<string, unknown> | undefined {
  const { delivery, functionArn } = shape;
  if (delivery === undefined || !z.safeParse(delivery as z.ZodType, "direct").success) return undefined;
  return { delivery: "direct", ...(functionArn !== undefined && { functionArn: FUNCTION_ARN }) };
}

describe("two services that S3 is to tell directly", () => {
  const direct = SERVICES.flatMap(({ name, options }) => {
    const said = directOptionsOf(options);
    return said === undefined ? [] : [{ name, said }];
  });

  it("can be queues, topics and functions", () => {
    expect(direct.map(({ name }) => name)).to.include.members(["sqs", "sns", "lambda"]);
  });

  for (const [at, one] of direct.entries()) {
    for (const other of direct.slice(at + 1)) {
      it(`are refused: ${one.name} and ${other.name}`, () => {
        expect(() => generate({ services: { [one.name]: one.said, [other.name]: other.said } })).to.throw(
          AggregateError,
          `S3 notifies one service directly of a new file, not ${one.name} and ${other.name}; leave "delivery: direct" with one`,
        );
        expect(() => generate({ services: { [one.name]: one.said, [other.name]: true } })).to.not.throw();
      });
    }
  }
});
