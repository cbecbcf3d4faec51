import { expect } from "chai";
import { type Configuration, generateConfiguration } from "../generate-configuration.ts";
import { createAccessMatrix } from "../policy/access-matrix.ts";
import { SERVICES } from "../services/services.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import { explainConfiguration } from "./explain.ts";
import { createExplanation } from "./explanation.ts";

function generate(said: Record<string, unknown> = {}): Configuration {
  return generateConfiguration(
    parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333", ...said }),
  );
}

const everything = generate({
  anchors: {},
  services: Object.fromEntries(SERVICES.map(({ name }) => [name, true])),
});

/** The words of the explanation, without line breaks. */
function wordsOf(configuration: Configuration): string {
  return explainConfiguration(configuration).replace(/\s+/g, " ");
}

function notesOf(said: Record<string, unknown>): string {
  return createExplanation(generate(said)).notes.join("\n");
}

describe("explainConfiguration", () => {
  it("is the same text for the same settings", () => {
    const services = { sqs: true, firehose: true };
    const reversed = { firehose: true, sqs: true };
    expect(explainConfiguration(generate({ services }))).to.equal(
      explainConfiguration(generate({ services: reversed })),
    );
  });

  it("fits into 100 columns but for addresses and ARNs, which stay whole", () => {
    const long = explainConfiguration(everything)
      .split("\n")
      .filter((line) => line.length > 100);
    expect(long.filter((line) => !/(https:\/\/|arn:aws:)\S+$/.test(line))).to.deep.equal([]);
  });

  it("has no blanks at the end of lines and ends in one line break", () => {
    const text = explainConfiguration(everything);
    expect(text)
      .to.not.match(/[ \t]\n/)
      .and.not.match(/\n\n\n/);
    expect(text).to.match(/[^\n]\n$/);
  });

  it("says every row of the access matrix, with its exact actions and resources", () => {
    const words = wordsOf(everything);
    for (const row of createAccessMatrix(everything)) {
      expect(words).to.include(row.words);
      expect(words).to.include(row.source);
      for (const exact of [...row.actions, ...row.on]) expect(words).to.include(exact);
    }
  });

  it("says what each service gets and every note of its own", () => {
    const words = wordsOf(everything);
    for (const { service, connection } of everything.connections) {
      expect(words).to.include(`${service.title} (${service.name}): ${service.gets}`);
      for (const note of connection.notes ?? []) expect(words).to.include(note.replace(/\s+/g, " "));
    }
  });

  it("says who may become a role before what the role may do", () => {
    const words = wordsOf(generate({ services: { firehose: true } }));
    const [, group = ""] = words.split("The role my-files-firehose, for Amazon Data Firehose");
    expect(group.indexOf("may become the role my-files-firehose")).to.be.greaterThan(-1);
    expect(group.indexOf("may become")).to.be.lessThan(group.indexOf("may write objects"));
  });

  it("says for which service somebody is there only where all that they may do is for services", () => {
    const words = wordsOf(generate({ services: { replication: true, inventory: true } }));
    expect(words).to.include("The AWS service logging.s3.amazonaws.com - The AWS service");
    expect(words).to.include("The role my-files-replication, for Amazon S3 Replication");
  });

  it("says which roles must be passed, and which controls are not met", () => {
    const words = wordsOf(generate({ services: { firehose: true } }));
    expect(words).to.include("needs iam:PassRole for it");
    expect(words).to.include("- arn:aws:iam::111122223333:role/my-files-firehose to firehose.amazonaws.com");
    expect(words).to.include("CT.S3.PR.10 (DataBucket, LogBucket): The rule wants KMS keys.");
  });

  it("leaves out sections without content", () => {
    const words = wordsOf(generate());
    expect(words).to.include("Services: none");
    expect(words).to.not.include("Notes on each service").and.not.include("Anchors:");
    const irsa = {
      provider: "oidc.eks.eu-central-1.amazonaws.com/id/ABC123",
      namespace: "files",
      serviceAccount: "sluice",
    };
    const byToken = wordsOf(generate({ compute: { ecs: false, podIdentity: false, irsa } }));
    expect(byToken).to.not.include("Roles that are handed to services");
    expect(byToken).to.include(
      "Holders of a token of oidc.eks.eu-central-1.amazonaws.com/id/ABC123 may become the role my-files-write by that token",
    );
  });
});

describe("createExplanation", () => {
  it("is plain JSON, with what AWS makes up written as functions", () => {
    const read = JSON.parse(JSON.stringify(createExplanation(everything)));
    expect(read.access).to.have.length(
      createAccessMatrix(everything).filter(({ effect }) => effect === "Allow").length,
    );
    const cloudfront = read.access.find(({ sid }: { sid: string }) => sid === "AllowCloudfront");
    expect(cloudfront).to.deep.include({ who: ["cloudfront.amazonaws.com"], service: "cloudfront", kind: "resource" });
    expect(JSON.stringify(cloudfront.under)).to.include('{"Fn::Sub":"arn:aws:cloudfront::');
  });

  it("tells what holds for every configuration", () => {
    const notes = notesOf({});
    expect(notes).to.include("Purge needs s3:DeleteObjectVersion, which my-files-write has");
    expect(notes).to.include("Replicas and backups keep erased files");
    expect(notes).to.include("Archive tiers break presigned downloads");
    expect(notes).to.include("refused 3600 s after they were signed");
    expect(notes).to.include("A writer that asks for KMS is refused");
    expect(notes).to.include("CAPABILITY_NAMED_IAM");
    expect(notes).to.include("stay when the stack is deleted");
  });

  it("tells what the settings make of it", () => {
    expect(notesOf({})).to.include("must speak TLS 1.3");
    expect(notesOf({ tls: { own: "1.2" } })).to.not.include("must speak TLS 1.3");
    expect(notesOf({})).to.include("moves nothing there");
    expect(notesOf({ lifecycle: { tieringDays: null } })).to.not.include("moves nothing there");
    expect(notesOf({})).to.include("No permissions boundary");
    const permissionsBoundary = "arn:aws:iam::111122223333:policy/bound";
    expect(notesOf({ permissionsBoundary })).to.include(`bounded by ${permissionsBoundary}`);
  });

  it("tells what the services make of it", () => {
    expect(notesOf({})).to.not.include("Lake Formation");
    expect(notesOf({ services: { athena: true } })).to.include("Where Lake Formation governs");
    expect(notesOf({ services: { replication: true, backup: true } })).to.include(
      "Switched on here: AWS Backup, Amazon S3 Replication; erase there as well",
    );
  });

  it("says how large templates are deployed", () => {
    expect(notesOf({})).to.include("above 51200 bytes, with more services, it must be deployed from S3");
    expect(createExplanation(everything).notes.join("\n")).to.include("deploy it from S3");
  });
});

describe("the explanation of consumers", () => {
  const consumers = [
    { name: "reports", role: "arn:aws:iam::444455556666:role/reports" },
    { name: "scans", account: "777788889999", access: "write", accessPoint: true },
  ];

  it("has for each the policy that its account attaches, and what may stand in its way", () => {
    const [reports, scans] = createExplanation(generate({ consumers, services: { guardduty: true } })).consumers;
    expect(reports?.policy).to.have.property("Statement").with.length(2);
    expect(reports?.notes.join("\n"))
      .to.match(/aws:PrincipalOrgID/)
      .and.to.match(/GuardDuty's gate holds for it/)
      .and.to.match(/refused 3600 s after/);
    expect(scans?.summary).to.match(/^scans writes below external\/scans\/\. Between two accounts both must allow/);
    expect(scans?.notes.join("\n"))
      .to.match(/BucketOwnerEnforced/)
      .and.to.match(/names arn:aws:s3:eu-central-1:111122223333:accesspoint\/my-files-scans in place of the bucket/)
      .and.not.to.match(/gate/);
  });

  it("prints the policies as JSON that can be copied", () => {
    const text = explainConfiguration(generate({ consumers }));
    const printed = [...text.matchAll(/^\{\n.*?^\}$/gms)].map(([json]) => JSON.parse(json));
    expect(printed).to.deep.equal(createExplanation(generate({ consumers })).consumers.map(({ policy }) => policy));
  });

  it("says of the bucket's statements whose they are, and of one's own that they are", () => {
    const statements = [
      {
        Sid: "Partner",
        Effect: "Allow",
        Principal: { AWS: "555566667777" },
        Action: "s3:GetObject",
        Resource: "arn:aws:s3:::my-files/files/*",
      },
    ];
    const words = wordsOf(generate({ consumers, statements }));
    expect(words).to.contain(
      "Principals of account 444455556666 may read objects on my-files/files/*, if the caller is arn:aws:iam::444455556666:role/reports.",
    );
    expect(words).to.contain("Principals of account 555566667777 may read objects on my-files/files/*.");
    expect(words).to.contain("This statement is your own");
  });
});

describe("the explanation of the network", () => {
  it("has the policy of an endpoint that exists, and how to set it", () => {
    const text = wordsOf(generate({ network: { gatewayEndpoint: "vpce-0123456789abcdef0" } }));
    expect(text).to.contain(
      "aws ec2 modify-vpc-endpoint --vpc-endpoint-id vpce-0123456789abcdef0 --policy-document file://endpoint.json",
    );
    expect(text).to.contain('"Sid": "ReachOwnBuckets"');
  });

  it("says of one that is made what else goes by it, and that it gives nobody a right", () => {
    const gatewayEndpoint = { vpc: "vpc-0123456789abcdef0", routeTables: ["rtb-0123456789abcdef0"] };
    const text = wordsOf(generate({ network: { gatewayEndpoint } }));
    expect(text).to.contain("needs its bucket under network.buckets");
    expect(text).to.contain("Whoever comes by the VPC endpoint is let through to");
  });

  it("says what of Sluice comes from elsewhere", () => {
    const note = (own: string) => notesOf({ network: { vpcEndpoints: ["vpce-0123456789abcdef0"], own } });
    expect(note("endpoints")).to.match(/for browsers elsewhere, say network\.own: urls/);
    expect(note("urls")).to.match(/can sign URLs as well, so the fence does not hold against that/);
    expect(note("anywhere")).to.match(/Sluice itself comes from anywhere/);
    expect(notesOf({})).to.not.match(/VPC endpoints/);
  });
});
