import { expect } from "chai";
import { servicesOf, withServices } from "../../testing/aws/golden-settings.ts";
import { findPolicyMistakes } from "../../testing/aws/policies/policy-checks.ts";
import { type Configuration, generateConfiguration } from "../generate-configuration.ts";
import { createExplanation } from "../print/explanation.ts";
import { printPolicies } from "../print/print-policies.ts";
import { toEnvironment } from "../settings/environment.ts";
import { parseSettings } from "../settings/parse-settings.ts";

const OWN_KEY = "arn:aws:kms:eu-central-1:111122223333:key/own";

function generate(encryption: string, services = servicesOf("eu-central-1"), more = {}): Configuration {
  return generateConfiguration(parseSettings(withServices(services, { encryption, ...more })));
}

interface Printed {
  readonly roles: Readonly<Record<string, { readonly access?: { readonly Statement: readonly PrintedStatement[] } }>>;
}

interface PrintedStatement {
  readonly Sid: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

/** Statements of every role, by the role's purpose. */
function statementsOf(configuration: Configuration): [purpose: string, PrintedStatement[]][] {
  const { roles } = JSON.parse(printPolicies(configuration)) as Printed;
  return Object.entries(roles).map(([name, { access }]) => [
    name.replace("my-files-", ""),
    [...(access?.Statement ?? [])],
  ]);
}

describe("the key of files", () => {
  it("is used by every role that reads or writes files, and by no other", () => {
    const readsFiles = ({ Action, Resource }: PrintedStatement) =>
      [Action]
        .flat()
        .some((one) => /^s3:(GetObject|GetObjectVersion|GetObjectVersionForReplication|PutObject)$/.test(one)) &&
      JSON.stringify(Resource).includes("arn:aws:s3:::my-files/");
    for (const encryption of ["kms", OWN_KEY]) {
      const roles = statementsOf(generate(encryption));
      const users = roles.filter(([, all]) => all.some(({ Sid }) => Sid === "UseTheKey")).map(([purpose]) => purpose);
      const readers = roles.filter(([, all]) => all.some(readsFiles)).map(([purpose]) => purpose);
      expect(users).to.deep.equal(readers);
      expect(users).to.include.members(["write", "read", "lambda", "replication", "transfer"]);
      expect(users).to.not.include.members(["verify", "cloudtrail", "sns", "transfer-logging"]);
    }
  });

  it("makes data keys for writers alone, and lets them decrypt: a part is added to an encrypted upload", () => {
    const actionsOf = Object.fromEntries(
      statementsOf(generate("kms")).map(([purpose, all]) => [
        purpose,
        all.find(({ Sid }) => Sid === "UseTheKey")?.Action,
      ]),
    );
    expect(actionsOf.write).to.deep.equal(["kms:Decrypt", "kms:GenerateDataKey"]);
    expect(actionsOf.read).to.equal("kms:Decrypt");
    expect(actionsOf.firehose).to.deep.equal(["kms:Decrypt", "kms:GenerateDataKey"]);
    expect(actionsOf.backup).to.equal("kms:Decrypt");
  });

  it("is in no policy under SSE-S3", () => {
    expect(printPolicies(generate("sse-s3"))).to.not.include("UseTheKey");
    expect(toEnvironment(generate("sse-s3"))).to.not.have.property("SLUICE_S3_ENCRYPTION");
  });

  it("encrypts the files and their replicas by a bucket key, and neither logs nor anchors", () => {
    const { template } = generate("kms", servicesOf("eu-central-1"), { anchors: {} });
    const encryptionOf = (logicalId: string) =>
      JSON.stringify(template.resources[logicalId]?.properties.BucketEncryption);
    for (const logicalId of ["DataBucket", "ReplicationBucket"]) {
      expect(encryptionOf(logicalId)).to.include('"SSEAlgorithm":"aws:kms"').and.include('"BucketKeyEnabled":true');
    }
    for (const logicalId of ["LogBucket", "AnchorBucket"]) {
      expect(encryptionOf(logicalId)).to.include('"SSEAlgorithm":"AES256"').and.not.include("KMS");
    }
    expect(template.resources.DataKey).to.include({ isRetained: true });
  });

  it("has policies without mistakes, of one's own and of the template", async () => {
    for (const encryption of ["kms", OWN_KEY]) expect(await findPolicyMistakes(generate(encryption))).to.deep.equal([]);
  });

  it("has the service leave encryption to the bucket, and says what it costs", () => {
    const configuration = generate("kms");
    expect(toEnvironment(configuration)).to.include({ SLUICE_S3_ENCRYPTION: "bucket" });
    const notes = createExplanation(configuration).notes.join("\n");
    expect(notes).to.include("1 USD a month").and.include("SLUICE_S3_ENCRYPTION=bucket");
    expect(notes).to.include("S3 delivers no access logs into a bucket whose default is a KMS key");
    expect(notes).to.not.include("encrypted by SSE-S3. A writer");
  });

  it("says what the policy of a key of one's own must allow to whom", () => {
    const notes = createExplanation(generate(OWN_KEY)).notes.filter((note) =>
      note.startsWith(`The policy of ${OWN_KEY}`),
    );
    expect(notes.join("\n"))
      .to.include("cloudfront.amazonaws.com")
      .and.include("AWSServiceRoleForAmazonMacie")
      .and.include("kms:Decrypt and kms:GenerateDataKey");
  });

  for (const [what, encryption, sentence] of [
    ["of another region", "arn:aws:kms:eu-west-1:111122223333:key/own", "encryption lies in eu-west-1"],
    [
      "of another account",
      "arn:aws:kms:eu-central-1:999988887777:key/own",
      "encryption belongs to account 999988887777",
    ],
    ["of another partition", "arn:aws-cn:kms:eu-central-1:111122223333:key/own", "encryption lies in partition aws-cn"],
    ["by an alias", "alias/own", 'say "sse-s3", "kms" or the ARN of a KMS key'],
  ] as const) {
    it(`refuses a key ${what}`, () => {
      expect(() => generate(encryption, [])).to.throw(AggregateError, sentence);
    });
  }

  it("demands a key of an existing bucket of replicas, of its region, and refuses one without need", () => {
    const replicate = (encryption: string, options: object) =>
      generate(encryption, [], { residency: ["eu-central-1", "eu-west-1"], services: { replication: options } });
    const elsewhere = { bucket: "my-replicas", region: "eu-west-1" };
    const keyArn = "arn:aws:kms:eu-west-1:111122223333:key/there";
    expect(() => replicate("kms", elsewhere)).to.throw(
      AggregateError,
      "under a key of eu-west-1 alone; name it as replication.keyArn",
    );
    expect(() => replicate("kms", { ...elsewhere, keyArn: OWN_KEY })).to.throw(
      AggregateError,
      "it must be in eu-west-1",
    );
    expect(() => replicate("sse-s3", { ...elsewhere, keyArn })).to.throw(AggregateError, "leave it out");
    const { resources } = replicate("kms", { ...elsewhere, keyArn }).template;
    expect(JSON.stringify(resources.DataBucket?.properties.ReplicationConfiguration)).to.include(
      `"ReplicaKmsKeyID":"${keyArn}"`,
    );
    expect(printPolicies(replicate("kms", { ...elsewhere, keyArn }))).to.include(
      '"kms:ViaService": "s3.eu-west-1.amazonaws.com"',
    );
  });
});
