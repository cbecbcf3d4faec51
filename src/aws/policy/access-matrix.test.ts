import { expect } from "chai";
import { GOLDEN_SETTINGS } from "../../testing/aws/golden-settings.ts";
import { OPTION_SETTINGS } from "../../testing/aws/option-settings.ts";
import { createPolicyEvaluator } from "../../testing/aws/policies/policy-evaluator.ts";
import {
  FOREIGN_ACCOUNT,
  listRequests,
  memberOf,
  type SampleRequest,
} from "../../testing/aws/policies/sample-requests.ts";
import { type Configuration, generateConfiguration } from "../generate-configuration.ts";
import { SERVICES } from "../services/services.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import { Leaf } from "../template/value.ts";
import { type AccessRow, createAccessMatrix, listPassedRoles } from "./access-matrix.ts";

const everything = generateConfiguration(
  parseSettings({
    bucket: "my-files",
    region: "eu-central-1",
    account: "111122223333",
    anchors: {},
    services: Object.fromEntries(SERVICES.map(({ name }) => [name, true])),
  }),
);

/** Services that name no source when they assume a role: a condition on the source would lock them out. */
const NAMELESS: Readonly<Record<string, string>> = {
  "ec2.amazonaws.com":
    "an instance gets a role by its profile, for which the account's own iam:PassRole is needed: there is no deputy",
  "ec2.amazonaws.com.cn": "the same in China",
};

/** Proves the meaning of a row with the evaluator: each promise is a function that throws when it does not hold. */
function createProof(configuration: Configuration) {
  const { site } = configuration;
  const evaluator = createPolicyEvaluator(configuration);
  /** Requests of the row that AWS would accept at all: an action of buckets is not asked of an object. */
  const asked = new Map<AccessRow, SampleRequest[]>();
  const listPossible = async (row: AccessRow): Promise<SampleRequest[]> => {
    const before = asked.get(row);
    if (before !== undefined) return before;
    const requests = listRequests(site, evaluator, row);
    const answers = await Promise.all(requests.map((request) => evaluator.evaluate(request)));
    const possible = requests.filter((_, at) => !answers[at]?.startsWith("Impossible"));
    asked.set(row, possible);
    return possible;
  };
  const expectDenied = async (row: AccessRow, what: string, change: (request: SampleRequest) => SampleRequest) => {
    for (const request of await listPossible(row)) {
      const changed = change(request);
      const decision = await evaluator.evaluate(changed);
      expect(decision, `${what}: ${JSON.stringify(changed)}`).to.be.oneOf(["ExplicitlyDenied", "ImplicitlyDenied"]);
    }
  };
  const withContext = (more: Record<string, string>) => (request: SampleRequest) => ({
    ...request,
    context: { ...request.context, ...more },
  });
  const isLetIn = ({ kind, who }: AccessRow) =>
    (kind === "trust" || kind === "resource") &&
    who.every((one) => /\.amazonaws\.com(\.cn)?$/.test(one) && NAMELESS[one] === undefined);
  const isS3 = ({ on }: AccessRow) =>
    on.every((arn) => arn.startsWith(site.arn("s3", "", { region: "", account: "" })));

  return {
    "allows what it says": async (row: AccessRow) => {
      const requests = await listPossible(row);
      for (const request of requests) {
        expect(await evaluator.evaluate(request), JSON.stringify(request)).to.equal("Allowed");
      }
      // Each action applies to at least one of the resources, and each resource to at least one of the actions.
      expect(new Set(requests.map(({ action }) => action))).to.deep.equal(new Set(row.actions));
      expect(new Set(requests.map(({ on }) => on))).to.deep.equal(new Set(row.on));
    },
    "denies it to another account": async (row: AccessRow) => {
      await expectDenied(row, "foreign role", (request) => {
        const principal = memberOf(site, FOREIGN_ACCOUNT);
        const caller = { "aws:PrincipalArn": principal, "aws:PrincipalAccount": FOREIGN_ACCOUNT };
        return { ...request, principal, context: { ...request.context, ...caller } };
      });
    },
    "denies it to a service that acts for another account or source": async (row: AccessRow) => {
      if (!isLetIn(row)) return;
      const [hasAccount, hasArn] = ["aws:SourceAccount", "aws:SourceArn"].map((key) =>
        JSON.stringify(row.under).includes(key),
      );
      // There must be at least one: an ARN stands for the account only if the account is in it.
      if (!hasAccount) expect(JSON.stringify(row.under)).to.match(new RegExp(`"aws:SourceArn":.*:${site.account}:`));
      if (hasAccount) {
        await expectDenied(row, "aws:SourceAccount", withContext({ "aws:SourceAccount": FOREIGN_ACCOUNT }));
      }
      if (!hasArn) return;
      const other = site.arn("sns", "another", { account: FOREIGN_ACCOUNT });
      await expectDenied(row, "aws:SourceArn", withContext({ "aws:SourceArn": other }));
    },
    "denies it to a role in a bucket of another account": async (row: AccessRow) => {
      if (row.kind !== "role" || !isS3(row)) return;
      await expectDenied(row, "aws:ResourceAccount", withContext({ "aws:ResourceAccount": FOREIGN_ACCOUNT }));
    },
    "denies it without TLS, and with TLS that is too old": async (row: AccessRow) => {
      // When the bucket is not the template's, its policy belongs to its owner.
      const ours = Object.values(configuration.template.resources)
        .filter(({ type }) => type === "AWS::S3::Bucket")
        .map(({ properties }) => site.arn("s3", String(properties.BucketName), { region: "", account: "" }));
      if (!isS3(row) || !row.on.every((arn) => ours.includes(arn.replace(/\/.*$/, "")))) return;
      await expectDenied(row, "plaintext", withContext({ "aws:SecureTransport": "false" }));
      await expectDenied(row, "TLS 1.1", withContext({ "s3:TlsVersion": "1.1" }));
    },
  };
}

/** Rows that give somebody a right; of a VPC endpoint's, which give none, the scenarios walk the roads. */
function listAllowed(configuration: Configuration): AccessRow[] {
  return createAccessMatrix(configuration).filter(
    ({ effect, kind }) => effect === "Allow" && kind !== "managed" && kind !== "endpoint",
  );
}

describe("the access matrix with every service", () => {
  const matrix = createAccessMatrix(everything);

  it("has a row for each statement in the template's JSON", () => {
    for (const [name, said] of [...Object.entries(GOLDEN_SETTINGS), ...OPTION_SETTINGS]) {
      const configuration = generateConfiguration(parseSettings(said));
      const { resources } = configuration.template;
      const text = JSON.stringify(resources, (_, value) => (value instanceof Leaf ? value.toJson() : value));
      const statements = text.split('"Effect":').length - 1;
      const permissions = Object.values(resources).filter(({ type }) => type === "AWS::Lambda::Permission").length;
      const rows = createAccessMatrix(configuration).filter(({ kind }) => kind !== "managed");
      expect(text, name).to.not.include('\\"Effect');
      expect(rows, name).to.have.length(statements + permissions);
    }
  });

  it("says every row in one sentence, with its reason and its document", () => {
    for (const row of matrix) {
      expect(row.words, row.via).to.match(/^[A-Z].+\.$/);
      expect(row.words).to.not.include("undefined").and.not.include("[object");
      expect(row.why).to.match(/\.$/);
      expect(row.source).to.match(/^https:\/\/docs\.aws\.amazon\.com\//);
    }
  });

  it("lists each role once for each service that takes it", () => {
    const { site } = everything;
    const passed = listPassedRoles(everything).map(({ role, to }) => `${role} ${to}`);
    expect(new Set(passed).size).to.equal(passed.length);
    expect(passed).to.include(`${site.roleArn("firehose")} firehose.amazonaws.com`);
    expect(passed).to.include(`${site.roleArn("write")} ecs-tasks.amazonaws.com`);
  });

  it("lets in no one by a wildcard, and nobody do everything", () => {
    for (const { who, actions, via, sid } of listAllowed(everything)) {
      expect(who.join(), `${via} ${sid}`).to.not.include("*");
      expect(
        actions.filter((action) => action.includes("*")),
        `${via} ${sid}`,
      ).to.deep.equal([]);
    }
  });

  it("tells of policies that AWS keeps", () => {
    const role = everything.template.resources.ReadRole;
    if (role === undefined) throw new Error("there is no ReadRole");
    const properties = { ...role.properties, ManagedPolicyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"] };
    const resources = { ...everything.template.resources, ReadRole: { ...role, properties } };
    const changed = createAccessMatrix({ ...everything, template: { ...everything.template, resources } });
    const managed = changed.find(({ kind }) => kind === "managed");
    expect(managed?.words).to.equal(
      "The role my-files-read has the rights of the managed policy arn:aws:iam::aws:policy/ReadOnlyAccess.",
    );
  });
});

describe("each row of the access matrix", () => {
  const proof = createProof(everything);
  for (const row of listAllowed(everything)) {
    for (const [promise, prove] of Object.entries(proof)) {
      it(`${promise}: ${row.via} ${row.sid}`, () => prove(row));
    }
  }
});

describe("each row of the access matrix by other options", () => {
  const proven = new Set(listAllowed(everything).map(toContent));
  for (const [name, said] of [...OPTION_SETTINGS, ...Object.entries(GOLDEN_SETTINGS)]) {
    it(`holds: ${name}`, async () => {
      const configuration = generateConfiguration(parseSettings(said));
      const rows = listAllowed(configuration).filter((row) => !proven.has(toContent(row)));
      for (const prove of Object.values(createProof(configuration))) {
        for (const row of rows) await prove(row);
      }
      for (const row of rows) proven.add(toContent(row));
    });
  }
});

/** The content of a row, so that the same content is not proven twice. */
function toContent({ who, actions, on, under }: AccessRow): string {
  return JSON.stringify([who, actions, on, under]);
}
