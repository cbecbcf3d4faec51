import { expect } from "chai";
import { GOLDEN_SETTINGS } from "../../testing/aws/golden-settings.ts";
import { deployFacet } from "../../testing/aws/live/deploy-bucket.ts";
import { createLiveRole, deployRoleFacet } from "../../testing/aws/live/deploy-role.ts";
import { FakeLiveAws } from "../../testing/aws/live/fake-live-aws.ts";
import { toLiveSite } from "../../testing/aws/live/live-site.ts";
import { type Moto, startMoto } from "../../testing/aws/live/moto.ts";
import { createMotoLiveAws, MOTO_FORGETS, MOTO_LACKS, type MotoLiveAws } from "../../testing/aws/live/moto-live-aws.ts";
import { type PlantedDrift, plantDrifts } from "../../testing/aws/live/planted-drifts.ts";
import { type ScriptedCloudControl, startScriptedCloudControl } from "../../testing/aws/live/scripted-cloud-control.ts";
import { type Configuration, generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import { UNREADABLE_TYPES } from "../template/readable-types.ts";
import type { Template } from "../template/template.ts";
import type { Properties, Value } from "../template/value.ts";
import type { BucketFacet, LiveAws, RoleFacet } from "./comparison/live-facets.ts";
import { isPlainMap, type Plain, type PlainMap } from "./comparison/plain.ts";
import type { Finding } from "./finding.ts";
import { verifyConfiguration } from "./verify-configuration.ts";

const { signal } = new AbortController();

/** Facets that a role always has, and that cannot differ: its path is given once, and no session length means an hour. */
const NEVER_OTHERWISE = /^removed Role$|Role\.Path|^removed Role\.(AssumeRolePolicyDocument|MaxSessionDuration)$/;

describe("verifyConfiguration on moto", () => {
  const configuration = withoutLacks(generateConfiguration(parseSettings(GOLDEN_SETTINGS.everything)));
  const site = toLiveSite(configuration);
  let moto: Moto | undefined;
  let aws: MotoLiveAws;
  let cloudControl: ScriptedCloudControl | undefined;

  before(async function () {
    const started = await startMoto();
    if (typeof started === "string") {
      console.log(`    skipped: ${started}`);
      return this.skip();
    }
    moto = started;
    cloudControl = await startScriptedCloudControl();
    cloudControl.deploy(site.resources);
    aws = createMotoLiveAws(moto, configuration.site.region, { cloudControlEndpoint: cloudControl.url });
    for (const [name, facets] of Object.entries(site.buckets)) await aws.createBucket(name, facets);
    for (const [name, facets] of Object.entries(site.roles)) await aws.createRole(name, facets);
  });
  after(async () => {
    aws?.close();
    await moto?.stop();
    await cloudControl?.stop();
  });

  it("finds no drift in what is deployed as it was generated", async () => {
    const lacks = [
      ...Object.entries(MOTO_LACKS),
      ...Object.entries(MOTO_FORGETS).map(([facet, keys]) => [facet, `moto 5.2.5 forgets ${keys}`]),
    ];
    console.log(lacks.map(([facet, what]) => `      left out of ${facet}: ${what}`).join("\n"));
    const findings = await verifyConfiguration(configuration, aws.liveAws, { signal });
    const odd = findings.filter(({ status }) => status !== "ok");
    // Of those that Cloud Control cannot read, verify says so, each by its name.
    const unread = Object.entries(configuration.template.resources).filter(([, { type }]) => UNREADABLE_TYPES[type]);
    expect(new Set(odd.map(({ status }) => status))).to.deep.equal(new Set(["unsupported"]));
    const named = odd.map(({ resource }) => resource.split(" ").at(-1));
    expect(named).to.have.members(unread.map(([logicalId]) => logicalId));
    expect(findings.length).to.be.greaterThan(300);
  });

  for (const [name, facets] of Object.entries(site.buckets)) {
    it(`finds every property of bucket ${name} that was removed or changed, as far as moto takes it`, async () => {
      const alone = only(configuration, name);
      const planted = Object.entries(facets).flatMap(([facet, value]) =>
        facet === "Region"
          ? []
          : plantDrifts(value, facet).map((drift) => ({ facet: facet as BucketFacet, value, drift })),
      );
      const outcome = await tryEach(planted, {
        put: async ({ facet }, value) => await deployFacet(aws.s3, name, { facet, value }),
        verify: async ({ facet }) => await verifyConfiguration(alone, readingAlone(facet), { signal }),
      });
      expect(outcome.unseen).to.deep.equal([]);
      expect(outcome.seen).to.be.greaterThan(30);
    });
  }

  it("finds every property of a role that was removed or changed, as far as moto takes it", async () => {
    const name = "my-files-write";
    const alone = only(configuration, name);
    const planted = Object.entries(site.roles[name] as PlainMap).flatMap(([facet, value]) =>
      plantDrifts(value, facet).map((drift) => ({ facet: facet as RoleFacet, value, drift })),
    );
    const outcome = await tryEach(planted, {
      put: async ({ facet, drift }, value) => {
        if (NEVER_OTHERWISE.test(drift.what)) throw new Error("a role is never without it");
        await deployRoleFacet(aws.iam, name, { facet, value });
      },
      verify: async ({ facet }) => await verifyConfiguration(alone, readingAlone(facet), { signal }),
    });
    expect(outcome.unseen).to.deep.equal([]);
    expect(outcome.seen).to.be.greaterThan(50);
  });

  it("finds a bucket and a role that do not exist", async () => {
    const settings = { ...GOLDEN_SETTINGS.smallest, bucket: "other-files" };
    await createLiveRole(aws.iam, "other-files-read");
    const findings = await verifyConfiguration(generateConfiguration(parseSettings(settings)), aws.liveAws, { signal });
    const missing = findings.filter(({ check }) => check === "existence").map(({ resource }) => resource);
    expect(missing).to.deep.equal([
      ...["bucket other-files-logs", "bucket other-files", "role other-files-write", "role other-files-verify"],
    ]);
  });

  it("finds a bucket in another region", async () => {
    const west = createMotoLiveAws(moto as Moto, "us-west-2");
    await west.createBucket("western-files", {});
    west.close();
    const settings = { ...GOLDEN_SETTINGS.smallest, bucket: "western-files" };
    const findings = await verifyConfiguration(generateConfiguration(parseSettings(settings)), aws.liveAws, { signal });
    const region = findings.find(({ check, resource }) => check === "region" && resource === "bucket western-files");
    expect(region).to.include({ status: "drift", expected: "eu-central-1", actual: "us-west-2" });
  });

  /** Reads one facet from moto and the others from the deployed values, which is much faster. */
  function readingAlone(one: BucketFacet | RoleFacet): LiveAws {
    const deployed = new FakeLiveAws(site);
    return {
      readBucket: async (name, facet, options) =>
        await (facet === one ? aws.liveAws : deployed).readBucket(name, facet, options),
      readRole: async (name, facet, options) =>
        await (facet === one ? aws.liveAws : deployed).readRole(name, facet, options),
      readResource: deployed.readResource.bind(deployed),
      listResources: deployed.listResources.bind(deployed),
    };
  }
});

function drifts(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ status }) => status === "drift");
}

/** A drift of one facet, and the facet's value without the drift. */
interface Planted<Facet> {
  readonly facet: Facet;
  readonly value: Plain;
  readonly drift: PlantedDrift;
}

/** Plants one drift after the other, verifies, and restores the value. Drifts that the server does not accept are refused. */
async function tryEach<Facet>(
  planted: readonly Planted<Facet>[],
  run: {
    put: (planted: Planted<Facet>, value: Plain | undefined) => Promise<void>;
    verify: (planted: Planted<Facet>) => Promise<Finding[]>;
  },
): Promise<{ seen: number; unseen: string[] }> {
  const unseen: string[] = [];
  let [seen, refused] = [0, 0];
  for (const one of planted) {
    const isTaken = await run.put(one, one.drift.value).then(
      () => true,
      () => false,
    );
    if (!isTaken) refused += 1;
    else if (drifts(await run.verify(one)).length > 0) seen += 1;
    else unseen.push(one.drift.what);
    if (isTaken) await run.put({ ...one, drift: { what: "put back", value: one.value } }, one.value);
  }
  console.log(`      ${seen} seen, ${refused} refused by moto or its API`);
  return { seen, unseen };
}

/** The configuration with only one of its buckets or roles, and its policy. */
function only(configuration: Configuration, name: string): Configuration {
  const { template } = configuration;
  const resources = Object.entries(template.resources).filter(
    ([, { properties }]) =>
      properties.BucketName === name || properties.Bucket === name || properties.RoleName === name,
  );
  return { ...configuration, template: { ...template, resources: Object.fromEntries(resources) } };
}

/** The configuration without the settings that moto does not keep: nobody could tell whether those have drifted. */
function withoutLacks(configuration: Configuration): Configuration {
  const resources: Record<string, Template["resources"][string]> = {};
  for (const [logicalId, resource] of Object.entries(configuration.template.resources)) {
    const entries = Object.entries(resource.properties).flatMap(([key, value]) => {
      if (resource.type !== "AWS::S3::Bucket") return [[key, value] as const];
      // A boundary must be a managed policy that exists.
      return key in MOTO_LACKS ? [] : [[key, drop(value, MOTO_FORGETS[key as BucketFacet] ?? [])] as const];
    });
    resources[logicalId] = { ...resource, properties: Object.fromEntries(entries) };
  }
  return { ...configuration, template: { ...configuration.template, resources } };
}

function drop(value: Value, keys: readonly string[]): Value {
  if (Array.isArray(value)) return value.map((one) => drop(one as Value, keys));
  if (keys.length === 0 || !isPlainMap(value as Plain)) return value;
  const entries = Object.entries(value as Properties).filter(([key]) => !keys.includes(key));
  return Object.fromEntries(entries.map(([key, one]) => [key, drop(one, keys)]));
}
