import { expect } from "chai";
import { GOLDEN_SETTINGS } from "../../testing/aws/golden-settings.ts";
import { FakeLiveAws } from "../../testing/aws/live/fake-live-aws.ts";
import { type LiveSite, toLiveSite } from "../../testing/aws/live/live-site.ts";
import { plantDrifts } from "../../testing/aws/live/planted-drifts.ts";
import { type Configuration, generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { Properties } from "../template/value.ts";
import { type BucketFacet, type LiveAws, LiveAwsProblem } from "./comparison/live-facets.ts";
import type { Plain, PlainMap } from "./comparison/plain.ts";
import type { Finding } from "./finding.ts";
import { verifyConfiguration } from "./verify-configuration.ts";

const SMALLEST = generateConfiguration(parseSettings(GOLDEN_SETTINGS.smallest));
const EVERYTHING = generateConfiguration(parseSettings(GOLDEN_SETTINGS.everything));
const OTHERS = generateConfiguration(parseSettings(GOLDEN_SETTINGS.others));
const FENCED = generateConfiguration(parseSettings(GOLDEN_SETTINGS.fenced));
const { signal } = new AbortController();

/** Settings that somebody may have added beside the template. */
const EXTRAS: Readonly<Partial<Record<BucketFacet, { value: Plain; meaning: string; mend: string }>>> = {
  CorsConfiguration: {
    value: { CorsRules: [{ AllowedOrigins: ["*"], AllowedMethods: ["GET"] }] },
    meaning: "pages of other origins",
    mend: "delete-bucket-cors --bucket my-files",
  },
  ReplicationConfiguration: {
    value: { Role: "arn:aws:iam::999988887777:role/copy", Rules: [{ Id: "All", Status: "Enabled" }] },
    meaning: "outside of the residency",
    mend: "delete-bucket-replication --bucket my-files",
  },
  InventoryConfigurations: {
    value: [{ Id: "theirs", Enabled: true, Destination: { BucketArn: "arn:aws:s3:::elsewhere" } }],
    meaning: "a list of all files",
    mend: "delete-bucket-inventory-configuration --bucket my-files --id 'theirs'",
  },
  IntelligentTieringConfigurations: {
    value: [{ Id: "deep", Status: "Enabled", Tierings: [{ AccessTier: "DEEP_ARCHIVE_ACCESS", Days: 180 }] }],
    meaning: "archived",
    mend: "delete-bucket-intelligent-tiering-configuration --bucket my-files --id 'deep'",
  },
  ObjectLockConfiguration: {
    value: { ObjectLockEnabled: "Enabled" },
    meaning: "purged or erased",
    mend: "REVERT_DRIFT",
  },
  AccelerateConfiguration: {
    value: { AccelerationStatus: "Enabled" },
    meaning: "edge locations",
    mend: "put-bucket-accelerate-configuration --bucket my-files --accelerate-configuration Status=Suspended",
  },
  WebsiteConfiguration: { value: { IndexDocument: "x" }, meaning: "website", mend: "delete-bucket-website" },
  Tags: { value: [{ Key: "Team", Value: "others" }], meaning: "tags", mend: "delete-bucket-tagging" },
  NotificationConfiguration: {
    value: {
      EventBridgeConfiguration: { EventBridgeEnabled: true },
      QueueConfigurations: [{ Event: "s3:ObjectCreated:*", Queue: "arn:aws:sqs:eu-central-1:999988887777:theirs" }],
    },
    meaning: "the name of every new file",
    mend: "REVERT_DRIFT",
  },
};

describe("verifyConfiguration", () => {
  describe("of what is deployed as it was generated", () => {
    for (const [name, settings] of Object.entries(GOLDEN_SETTINGS)) {
      it(`finds no drift (${name})`, async () => {
        const configuration = generateConfiguration(parseSettings(settings));
        const findings = await verify(configuration, withAwsOwn(toLiveSite(configuration)));
        const others = findings.filter(({ status }) => status !== "ok");
        expect(others.filter(({ resource }) => !resource.startsWith("Lake Formation "))).to.deep.equal([]);
        expect(findings.length).to.be.greaterThan(configuration.settings.minimal ? 20 : 60);
      });
    }

    it("finds no drift where AWS writes the same thing otherwise", async () => {
      const site = toLiveSite(EVERYTHING);
      const rewritten = JSON.parse(JSON.stringify(site), (_, value) => {
        if (Array.isArray(value)) return value.toReversed();
        return value?.Sid === undefined ? value : { ...value, Action: [value.Action].flat() };
      });
      expect(drifts(await verify(EVERYTHING, rewritten))).to.deep.equal([]);
    });

    it("answers in the same order whatever answers first", async () => {
      const live = new FakeLiveAws(toLiveSite(SMALLEST));
      const late = new FakeLiveAws(toLiveSite(SMALLEST));
      const slow: typeof live.readBucket = async (...args) => {
        for (let turns = args[1].length % 7; turns > 0; turns--) await Promise.resolve();
        return await late.readBucket(...args);
      };
      const delayed = withReadings(late, { readBucket: slow });
      expect(await verifyConfiguration(SMALLEST, delayed, { signal })).to.deep.equal(
        await verifyConfiguration(SMALLEST, live, { signal }),
      );
    });
  });

  describe("of what was changed since", () => {
    for (const [name, configuration] of Object.entries({
      smallest: SMALLEST,
      everything: EVERYTHING,
      others: OTHERS,
      fenced: FENCED,
    })) {
      const site = toLiveSite(configuration);
      for (const kind of ["buckets", "roles"] as const) {
        it(`finds every property of the ${kind} that was removed or changed (${name})`, async () => {
          const unseen: string[] = [];
          let planted = 0;
          for (const [resource, facets] of Object.entries(site[kind])) {
            const alone = only(configuration, resource);
            for (const [facet, value] of Object.entries(facets)) {
              for (const drift of plantDrifts(value, facet)) {
                planted += 1;
                const drifted = { ...site, [kind]: { ...site[kind], [resource]: replace(facets, facet, drift.value) } };
                const found = drifts(await verify(alone, drifted));
                if (found.length === 0) unseen.push(`${resource}: ${drift.what}`);
                expectExplained(found);
              }
            }
          }
          expect(unseen).to.deep.equal([]);
          expect(planted).to.be.greaterThan(100);
        });
      }
    }

    for (const [facet, extra] of Object.entries(EXTRAS)) {
      it(`finds ${facet} that the template does not have`, async () => {
        const findings = drifts(await verify(SMALLEST, withFacet(SMALLEST, facet, extra.value)));
        expect(findings).to.have.length(1);
        expect(findings[0]?.meaning).to.contain(extra.meaning);
        expect(findings[0]?.mend).to.contain(extra.mend);
      });
    }

    it("finds a statement that lets anyone in", async () => {
      const policy = toLiveSite(SMALLEST).buckets["my-files"]?.Policy as PlainMap;
      const open = { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::my-files/*" };
      const site = withFacet(SMALLEST, "Policy", { ...policy, Statement: [...(policy.Statement as Plain[]), open] });
      const [finding, ...others] = drifts(await verify(SMALLEST, site));
      expect(others).to.deep.equal([]);
      expect(finding?.check).to.equal("policy statement without Sid (1)");
      expect(finding?.meaning).to.contain("anyone may read objects on my-files/*");
    });

    it("says what the loss of a guard means", async () => {
      const policy = toLiveSite(SMALLEST).buckets["my-files"]?.Policy as PlainMap;
      const Statement = (policy.Statement as PlainMap[]).filter(({ Sid }) => Sid !== "DenyPlaintext");
      const [finding] = drifts(await verify(SMALLEST, withFacet(SMALLEST, "Policy", { ...policy, Statement })));
      expect(finding).to.include({ check: "policy statement DenyPlaintext", resource: "bucket my-files" });
      expect(finding?.meaning).to.contain("plain HTTP");
      expect(finding?.mend).to.contain("REVERT_DRIFT");
    });

    it("finds a role's further policies and tells how to take them away", async () => {
      const site = toLiveSite(SMALLEST);
      const role = site.roles["my-files-read"] as PlainMap;
      const more = { PolicyName: "more", PolicyDocument: { Version: "2012-10-17", Statement: [] } };
      const arn = "arn:aws:iam::aws:policy/AdministratorAccess";
      const drifted = { ...role, Policies: [...(role.Policies as Plain[]), more], ManagedPolicyArns: [arn] };
      const found = drifts(await verify(SMALLEST, { ...site, roles: { ...site.roles, "my-files-read": drifted } }));
      expect(found.map(({ check, mend }) => [check, mend])).to.deep.equal([
        ["inline policy more", "aws iam delete-role-policy --role-name my-files-read --policy-name more"],
        ["attached policies", `aws iam detach-role-policy --role-name my-files-read --policy-arn ${arn}`],
      ]);
    });

    it("finds an attached policy that is gone", async () => {
      const arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
      const configuration = withProperty(SMALLEST, "ReadRole", { ManagedPolicyArns: [arn] });
      const [finding, ...others] = drifts(await verify(configuration, toLiveSite(SMALLEST)));
      expect(others).to.deep.equal([]);
      expect(finding).to.deep.include({ check: "attached policies", expected: [arn] });
      expect(finding?.meaning).to.contain("less than it needs");
      expect(drifts(await verify(configuration, toLiveSite(configuration)))).to.deep.equal([]);
    });

    it("compares a role's description only where the template has one", async () => {
      const described = withProperty(SMALLEST, "ReadRole", { Description: "reads" });
      expect(drifts(await verify(SMALLEST, toLiveSite(described)))).to.deep.equal([]);
      expect(drifts(await verify(described, toLiveSite(SMALLEST))).map(({ check }) => check)).to.deep.equal([
        "description",
      ]);
    });

    it("names a property that it does not read", async () => {
      const configuration = withProperty(SMALLEST, "DataBucket", { AnalyticsConfigurations: [{ Id: "a" }] });
      const [finding, ...others] = notOk(await verify(configuration, toLiveSite(configuration)));
      expect(others).to.deep.equal([]);
      expect(finding).to.include({ check: "AnalyticsConfigurations", status: "unsupported" });
    });

    it("shows an id that AWS makes up as such", async () => {
      const rules = [{ Id: "a", Function: { "Fn::GetAtt": ["Function", "Arn"] } }];
      const configuration = withProperty(SMALLEST, "DataBucket", { MetricsConfigurations: rules });
      const [finding] = drifts(await verify(configuration, toLiveSite(SMALLEST)));
      expect(JSON.stringify(finding?.expected)).to.contain("(made up by AWS)");
    });

    it("does not mind metrics and tags that are none of its business", async () => {
      const metrics = withFacet(SMALLEST, "MetricsConfigurations", [{ Id: "EntireBucket" }]);
      expect(drifts(await verify(SMALLEST, metrics))).to.deep.equal([]);
    });

    it("flags an inventory that AWS Backup may have added, and takes it for drift without it", async () => {
      const added = { Id: "anything", Enabled: true, Destination: { BucketArn: "arn:aws:s3:::whose-ever" } };
      const [inventory, backup] = [true, true];
      const generate = (services: object) =>
        generateConfiguration(parseSettings({ ...GOLDEN_SETTINGS.smallest, services }));
      const withAdded = async (configuration: Configuration, bucket = "my-files") => {
        const { buckets, ...rest } = toLiveSite(configuration);
        const ours = (buckets[bucket]?.InventoryConfigurations ?? []) as Plain[];
        const facets = { ...buckets[bucket], InventoryConfigurations: [...ours, added] };
        const findings = await verify(configuration, { buckets: { ...buckets, [bucket]: facets }, ...rest });
        return findings.filter(({ status }) => status !== "ok");
      };
      for (const services of [{ backup }, { backup, inventory }]) {
        const [finding, ...others] = await withAdded(generate(services));
        expect(others).to.deep.equal([]);
        expect(finding).to.deep.include({ check: "inventories", status: "flagged", actual: added });
        expect(finding?.meaning).to.contain("AWS Backup, which is switched on");
        expect(finding?.mend).to.contain("arn:aws:s3:::whose-ever");
      }
      const statusesOf = async (...args: Parameters<typeof withAdded>) =>
        (await withAdded(...args)).map(({ status }) => status);
      expect(await statusesOf(generate({ inventory }))).to.deep.equal(["drift"]);
      expect(await statusesOf(generate({ backup }), "my-files-logs")).to.deep.equal(["drift"]);
    });

    it("takes no wildcard for an id that AWS made up", async () => {
      const site = JSON.stringify(toLiveSite(EVERYTHING)).replaceAll("distribution/E2MADEUP", "distribution/*");
      const found = drifts(await verify(EVERYTHING, JSON.parse(site)));
      expect(found.map(({ check }) => check)).to.deep.equal(["policy statement AllowCloudfront"]);
    });
  });

  describe("of a bucket", () => {
    it("that does not exist says so, once", async () => {
      const { buckets, ...rest } = toLiveSite(SMALLEST);
      const { "my-files": _, ...others } = buckets;
      const found = await verify(SMALLEST, { buckets: others, ...rest });
      const ofBucket = found.filter(({ resource }) => resource === "bucket my-files");
      expect(ofBucket).to.have.length(1);
      expect(ofBucket[0]).to.include({ check: "existence", status: "drift", expected: "my-files" });
      expect(found.filter(({ status }) => status !== "ok")).to.have.length(1);
    });

    it("in another region of the residency, or outside of it, says which", async () => {
      const inside = drifts(await verify(EVERYTHING, withFacet(EVERYTHING, "Region", "eu-west-1")));
      expect(inside[0]?.meaning).to.contain("lie in eu-west-1: allowed");
      const outside = drifts(await verify(EVERYTHING, withFacet(EVERYTHING, "Region", "us-east-1")));
      expect(outside).to.have.length(1);
      expect(outside[0]).to.include({ check: "region", expected: "eu-central-1", actual: "us-east-1" });
      expect(outside[0]?.meaning).to.contain("outside of the residency (eu-central-1, eu-west-1)");
      expect(outside[0]?.mend).to.contain("cannot be moved");
    });

    it("that only answers in its own region says where that is, where it is known", async () => {
      for (const [region, words] of [
        ["us-west-2", "files lie in us-west-2, outside"],
        [undefined, "which S3 does not name"],
      ] as const) {
        const live = new FakeLiveAws(toLiveSite(SMALLEST));
        live.fail("my-files", "Region", "elsewhere", { ...(region !== undefined && { region }) });
        const found = drifts(await verifyConfiguration(SMALLEST, live, { signal }));
        expect(found).to.have.length(1);
        expect(found[0]?.meaning).to.contain(words);
      }
    });
  });

  describe("when something cannot be read", () => {
    it("reports that check as unreadable and goes on with the others", async () => {
      const live = new FakeLiveAws(toLiveSite(SMALLEST));
      live.fail("my-files", "CorsConfiguration", "denied");
      live.fail("my-files", "Region", "denied");
      live.fail("my-files-write", "Policies", "denied");
      const found = notOk(await verifyConfiguration(SMALLEST, live, { signal }));
      expect(found.map(({ check, resource, status }) => [status, resource, check])).to.deep.equal([
        ["unreadable", "bucket my-files", "region"],
        ["unreadable", "bucket my-files", "CORS"],
        ["unreadable", "role my-files-write", "inline policies"],
      ]);
      expect(found[0]?.mend).to.contain("verify role");
    });

    it("reports what the endpoint does not have as unsupported, IAM once for each role", async () => {
      const live = new FakeLiveAws(toLiveSite(SMALLEST));
      live.fail("my-files", "InventoryConfigurations", "unsupported");
      live.fail("my-files-write", "Role", "unsupported");
      const found = notOk(await verifyConfiguration(SMALLEST, live, { signal }));
      expect(found.map(({ check, status }) => [status, check])).to.deep.equal([
        ["unsupported", "inventories"],
        ["unsupported", "role"],
      ]);
    });

    it("asks no more of a bucket for which nothing answers", async () => {
      const live = new FakeLiveAws(toLiveSite(SMALLEST));
      live.fail("my-files", "Region", "failed");
      const findings = await verifyConfiguration(SMALLEST, live, { signal });
      expect(findings.filter(({ resource }) => resource === "bucket my-files")).to.have.length(1);
      expect(notOk(findings)[0]).to.include({ status: "unreadable", check: "region" });
    });

    it("reports a role that does not exist", async () => {
      const { roles, ...rest } = toLiveSite(SMALLEST);
      const { "my-files-read": _, ...others } = roles;
      const found = notOk(await verify(SMALLEST, { roles: others, ...rest }));
      expect(found).to.have.length(1);
      expect(found[0]).to.include({ check: "existence", resource: "role my-files-read", status: "drift" });
    });

    it("fails as a whole without credentials", async () => {
      const live = new FakeLiveAws(toLiveSite(SMALLEST));
      live.fail("my-files", "Region", "credentials");
      const error = await verifyConfiguration(SMALLEST, live, { signal }).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(LiveAwsProblem).and.to.have.property("kind", "credentials");
    });

    it("reports what was not read in time as unreadable", async () => {
      const live = new FakeLiveAws(toLiveSite(SMALLEST));
      const readBucket: typeof live.readBucket = async (bucket, facet, options) => {
        if (facet === "Tags") throw new DOMException("late", "TimeoutError");
        return await live.readBucket(bucket, facet, options);
      };
      const found = notOk(await verifyConfiguration(SMALLEST, withReadings(live, { readBucket }), { signal }));
      expect(found.map(({ check }) => check)).to.deep.equal(["tags", "tags"]);
      expect(found[0]?.meaning).to.contain("not read within 120 s");
    });

    it("ends with the caller's reason once it is aborted", async () => {
      const controller = new AbortController();
      controller.abort(new Error("enough"));
      const error = await verifyConfiguration(SMALLEST, new FakeLiveAws(), { signal: controller.signal }).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).to.have.property("message", "enough");
    });

    it("lets a mistake of ours through", async () => {
      const fail = () => Promise.reject(new TypeError("ours"));
      const broken = withReadings(new FakeLiveAws(), { readBucket: fail, readRole: fail });
      const error = await verifyConfiguration(SMALLEST, broken, { signal }).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(TypeError);
    });
  });
});

/** The fake with some of its readings replaced. */
function withReadings(live: FakeLiveAws, replaced: Partial<LiveAws>): LiveAws {
  return {
    readBucket: live.readBucket.bind(live),
    readRole: live.readRole.bind(live),
    readResource: live.readResource.bind(live),
    listResources: live.listResources.bind(live),
    ...replaced,
  };
}

async function verify(configuration: Configuration, site: LiveSite): Promise<Finding[]> {
  return await verifyConfiguration(configuration, new FakeLiveAws(site), { signal });
}

function drifts(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ status }) => status === "drift");
}

function notOk(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ status }) => status !== "ok");
}

function expectExplained(findings: readonly Finding[]): void {
  for (const finding of findings) {
    expect(finding.meaning, finding.check).to.not.equal("");
    expect(finding.mend, finding.check).to.not.equal("");
    expect(JSON.stringify(finding), finding.check).to.not.contain("\\u0000");
  }
}

function withProperty(configuration: Configuration, logicalId: string, more: Properties): Configuration {
  const { template } = configuration;
  const resource = template.resources[logicalId];
  if (resource === undefined) throw new Error(`there is no ${logicalId}`);
  const resources = {
    ...template.resources,
    [logicalId]: { ...resource, properties: { ...resource.properties, ...more } },
  };
  return { ...configuration, template: { ...template, resources } };
}

/** The configuration with only one of its buckets or roles, and its policy. Keys stay, because roles name their ARNs. */
function only(configuration: Configuration, name: string): Configuration {
  const { template } = configuration;
  const resources = Object.entries(template.resources).filter(
    ([, { type, properties }]) =>
      [properties.BucketName, properties.Bucket, properties.RoleName].includes(name) || type === "AWS::KMS::Key",
  );
  return { ...configuration, template: { ...template, resources: Object.fromEntries(resources) } };
}

function replace(facets: PlainMap, facet: string, value: Plain | undefined): PlainMap {
  const { [facet]: _, ...others } = facets;
  return value === undefined ? others : { ...facets, [facet]: value };
}

function withFacet(configuration: Configuration, facet: string, value: Plain): LiveSite {
  const { buckets, ...rest } = toLiveSite(configuration);
  return { ...rest, buckets: { ...buckets, "my-files": { ...buckets["my-files"], [facet]: value } } };
}

/** The site with the settings that AWS adds itself. */
function withAwsOwn({ buckets, ...rest }: LiveSite): LiveSite {
  const own = [{ Key: "aws:cloudformation:stack-name", Value: "files" }];
  const entries = Object.entries(buckets).map(([name, facets]) => [
    name,
    {
      ...facets,
      Tags: [...((facets.Tags ?? []) as Plain[]), ...own],
      AccelerateConfiguration: { AccelerationStatus: "Suspended" },
      LifecycleConfiguration: {
        ...(facets.LifecycleConfiguration as PlainMap),
        TransitionDefaultMinimumObjectSize: "all_storage_classes_128K",
      },
    },
  ]);
  return { ...rest, buckets: Object.fromEntries(entries) };
}
