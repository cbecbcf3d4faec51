import { expect } from "chai";
import { createPolicyEvaluator } from "../testing/policy-evaluator.ts";
import { FOREIGN_ACCOUNT, listRequests, memberOf, type SampleRequest } from "../testing/sample-requests.ts";
import { type AccessRow, createAccessMatrix, listPassedRoles } from "./access-matrix.ts";
import { generateConfiguration } from "./generate-configuration.ts";
import { parseSettings } from "./parse-settings.ts";
import { SERVICES } from "./services.ts";

const configuration = generateConfiguration(
  parseSettings({
    bucket: "my-files",
    region: "eu-central-1",
    account: "111122223333",
    anchors: {},
    services: Object.fromEntries(SERVICES.map(({ name }) => [name, true])),
  }),
);
const { site } = configuration;
const evaluator = createPolicyEvaluator(configuration);
const matrix = createAccessMatrix(configuration);
const allowed = matrix.filter(({ effect, kind }) => effect === "Allow" && kind !== "managed");

/** Services that name no source when they assume a role, so that a condition would lock them out. */
const NAMELESS: Readonly<Record<string, string>> = {
  "ec2.amazonaws.com":
    "an instance gets a role by its profile, for which the account's own iam:PassRole is needed: there is no deputy",
};

/** Requests of the row that AWS would take at all: an action of buckets is not asked of an object. */
async function listPossible(row: AccessRow): Promise<SampleRequest[]> {
  const requests = listRequests(site, evaluator, row);
  const answers = await Promise.all(requests.map((request) => evaluator.evaluate(request)));
  return requests.filter((_, at) => !answers[at]?.startsWith("Impossible"));
}

/** Expects that no request of the row is allowed once it is changed. */
async function expectDenied(row: AccessRow, what: string, change: (request: SampleRequest) => SampleRequest) {
  for (const request of await listPossible(row)) {
    const changed = change(request);
    const decision = await evaluator.evaluate(changed);
    expect(decision, `${what}: ${JSON.stringify(changed)}`).to.be.oneOf(["ExplicitlyDenied", "ImplicitlyDenied"]);
  }
}

function withContext(more: Record<string, string>): (request: SampleRequest) => SampleRequest {
  return (request) => ({ ...request, context: { ...request.context, ...more } });
}

describe("the access matrix with every service", () => {
  it("has a row for each statement in the template's JSON", () => {
    const text = JSON.stringify(configuration.template.resources, (_, value) =>
      value !== null && typeof value === "object" && "toJson" in value ? value.toJson() : value,
    );
    const statements = text.split('"Effect":').length - 1;
    const permissions = Object.values(configuration.template.resources).filter(
      ({ type }) => type === "AWS::Lambda::Permission",
    );
    const rows = matrix.filter(({ kind }) => kind !== "managed");
    expect(text).to.not.include('\\"Effect');
    expect(rows).to.have.length(statements + permissions.length);
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
    const passed = listPassedRoles(configuration).map(({ role, to }) => `${role} ${to}`);
    expect(new Set(passed).size).to.equal(passed.length);
    expect(passed).to.include(`${site.roleArn("firehose")} firehose.amazonaws.com`);
    expect(passed).to.include(`${site.roleArn("write")} ecs-tasks.amazonaws.com`);
  });

  it("lets in no one by a wildcard, and nobody do everything", () => {
    for (const { who, actions, via, sid } of allowed) {
      expect(who.join(), `${via} ${sid}`).to.not.include("*");
      expect(
        actions.filter((action) => /^[*]|^[a-z0-9-]+:[*]$/.test(action)),
        `${via} ${sid}`,
      ).to.deep.equal([]);
    }
  });
});

describe("each row of the access matrix", () => {
  for (const row of allowed) {
    const name = `${row.via} ${row.sid}`;
    const isLetIn = row.kind === "trust" || row.kind === "resource";
    const isS3 = row.on.every((arn) => arn.startsWith(site.arn("s3", "", { region: "", account: "" })));

    it(`allows what it says: ${name}`, async () => {
      const requests = await listPossible(row);
      for (const request of requests) {
        expect(await evaluator.evaluate(request), JSON.stringify(request)).to.equal("Allowed");
      }
      // Each action is good for one of the resources at least, and each resource for one of the actions.
      expect(new Set(requests.map(({ action }) => action)), name).to.deep.equal(new Set(row.actions));
      expect(new Set(requests.map(({ on }) => on)), name).to.deep.equal(new Set(row.on));
    });

    it(`denies it to another account: ${name}`, async () => {
      await expectDenied(row, "foreign role", (request) => {
        const principal = memberOf(site, FOREIGN_ACCOUNT);
        const caller = { "aws:PrincipalArn": principal, "aws:PrincipalAccount": FOREIGN_ACCOUNT };
        return { ...request, principal, context: { ...request.context, ...caller } };
      });
    });

    if (isLetIn && row.who.every((who) => who.endsWith(".amazonaws.com") && NAMELESS[who] === undefined)) {
      it(`denies it to the service for another account: ${name}`, async () => {
        await expectDenied(row, "aws:SourceAccount", withContext({ "aws:SourceAccount": FOREIGN_ACCOUNT }));
      });

      it(`denies it to the service for another source, where it is known: ${name}`, async () => {
        if (!JSON.stringify(row.under).includes("aws:SourceArn")) return;
        const other = site.arn("sns", "another", { account: FOREIGN_ACCOUNT });
        await expectDenied(row, "aws:SourceArn", withContext({ "aws:SourceArn": other }));
      });
    }

    if (row.kind === "role" && isS3) {
      it(`denies it in a bucket of another account: ${name}`, async () => {
        await expectDenied(row, "aws:ResourceAccount", withContext({ "aws:ResourceAccount": FOREIGN_ACCOUNT }));
      });
    }

    if (isS3) {
      it(`denies it without TLS, and with TLS that is too old: ${name}`, async () => {
        await expectDenied(row, "plaintext", withContext({ "aws:SecureTransport": "false" }));
        await expectDenied(row, "TLS 1.1", withContext({ "s3:TlsVersion": "1.1" }));
      });
    }
  }
});
