import { expect } from "chai";
import { GOLDEN_SETTINGS } from "../../../testing/aws/golden-settings.ts";
import { toLiveSite } from "../../../testing/aws/live/live-site.ts";
import { generateConfiguration } from "../../generate-configuration.ts";
import type { Policy } from "../../policy/policy.ts";
import { parseSettings } from "../../settings/parse-settings.ts";
import { listReadPermissions } from "../../template/readable-types.ts";
import { listExpectedResources } from "../expected/expected-resource.ts";
import { toExpectedSite } from "../expected/expected-site.ts";
import { ANALYZER_PERMISSION } from "../reading/policy-analyzer.ts";
import { BUCKET_FACETS, ROLE_FACETS } from "./live-facets.ts";

describe("what verify reads", () => {
  for (const [name, settings] of Object.entries(GOLDEN_SETTINGS)) {
    it(`is what the verify role may read, and no more (${name})`, () => {
      const configuration = generateConfiguration(parseSettings(settings));
      const { site } = configuration;
      const { buckets, roles } = toLiveSite(configuration);
      // A minimal file has no such role: whoever verifies it has rights of their own.
      if (configuration.settings.minimal) return;
      const policies = configuration.template.resources.VerifyRole?.properties.Policies;
      const [{ PolicyDocument }] = policies as unknown as [{ PolicyDocument: Policy }];
      const [ofBuckets, ofRoles, ...others] = PolicyDocument.statements;
      const bySid = (sid: string) => others.filter((statement) => statement.sid === sid);
      const [ofPolicies] = bySid("ValidatePolicies");
      const ofOthers = [...bySid("ReadOwnSettings"), ...bySid("ReadOtherSettings")];
      expect(ofBuckets?.actions).to.have.members([...new Set(Object.values(BUCKET_FACETS).flat())]);
      expect(ofBuckets?.resources).to.have.members(
        Object.keys(buckets).map((bucket) => site.arn("s3", bucket, { region: "", account: "" })),
      );
      expect(ofRoles?.actions).to.have.members(Object.values(ROLE_FACETS).flat());
      expect(ofRoles?.resources).to.have.members(
        Object.keys(roles).map((role) => site.arn("iam", `role/${role}`, { region: "" })),
      );
      expect(ofPolicies?.actions).to.deep.equal([ANALYZER_PERMISSION]);
      expect(ofPolicies?.resources).to.deep.equal(["*"]);
      expect(others).to.have.length(1 + ofOthers.length);
      const types = listExpectedResources(configuration).map(({ type }) => type);
      expect(ofOthers.flatMap(({ actions }) => actions)).to.have.members([
        ...new Set(types.flatMap((type) => listReadPermissions(type))),
      ]);
      for (const { resources, conditions } of bySid("ReadOtherSettings")) {
        expect(resources).to.deep.equal(["*"]);
        expect(conditions).to.deep.equal({ StringEqualsIfExists: { "aws:ResourceAccount": site.account } });
      }
      for (const { resources } of bySid("ReadOwnSettings")) expect(resources).to.not.include("*");
    });

    it(`is every property of the buckets, and every way to give a role rights (${name})`, () => {
      const configuration = generateConfiguration(parseSettings(settings));
      for (const { name: bucket, unread } of toExpectedSite(configuration).buckets) {
        expect(unread, bucket).to.deep.equal([]);
      }
      const types = Object.values(configuration.template.resources).map(({ type }) => type);
      expect(types).to.not.include.members(["AWS::IAM::Policy"]);
      expect(types).to.not.include.members(["AWS::IAM::RolePolicy"]);
      expect(types).to.not.include.members(["AWS::IAM::ManagedPolicy"]);
    });
  }
});
