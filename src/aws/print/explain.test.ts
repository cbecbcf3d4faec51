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
