import type { Configuration } from "../generate-configuration.ts";
import { UNREADABLE_TYPES } from "../template/readable-types.ts";
import type { Template } from "../template/template.ts";
import { Leaf, type Value } from "../template/value.ts";
import { type BucketFacet, type LiveAws, LiveAwsProblem } from "./comparison/live-facets.ts";
import { type Plain, type PlainMap, toPlain } from "./comparison/plain.ts";
import type { ExpectedResource } from "./expected/expected-resource.ts";
import type { Read, Reading } from "./reading/readings.ts";

/** Finds resources among those that are deployed, each once. */
export type FindResource = (resource: ExpectedResource) => Promise<Reading<PlainMap>>;

/** The function that finds the resources of the configuration, and reads their properties. */
export function createFindResource(
  { site, template }: Configuration,
  expected: readonly ExpectedResource[],
  { liveAws, read }: { liveAws: LiveAws; read: Read },
): FindResource {
  const known = new Map<string, Promise<Reading<PlainMap>>>();
  const readOne = async (type: string, identifier: string) =>
    await read((signal) => liveAws.readResource(type, identifier, { signal }));

  const find: FindResource = async ({ logicalId, type, readable, label, properties }) => {
    switch (readable?.found.by) {
      case "identifier":
        return await readOne(type, readable.found.of(site, properties));
      case "list": {
        const { within, isIt } = readable.found;
        const parent = within === undefined ? {} : { within: { [within]: properties[within] ?? "" } };
        const listed = await read((signal) => liveAws.listResources(type, { ...parent, signal }));
        if ("problem" in listed) return listed;
        const all = await Promise.all(listed.value.map(async (identifier) => await readOne(type, identifier)));
        return pickOne(all, (live) => isIt(site, properties, live), label);
      }
      case "reference": {
        const identifier = await findIdentifier(logicalId);
        return "problem" in identifier ? identifier : await readOne(type, identifier.value);
      }
      default:
        return {
          problem: new LiveAwsProblem(
            "unsupported",
            `verify does not read ${type}: ${UNREADABLE_TYPES[type] ?? "its type is not known"}`,
          ),
        };
    }
  };

  /** The identifier that the resource which refers to this one has there. An ARN ends in the identifier. */
  const findIdentifier = async (logicalId: string): Promise<Reading<string>> => {
    const reference = findReference(template, logicalId);
    const holder = await readHolder(reference);
    if ("problem" in holder) return holder;
    const value = reference?.path.reduce<Plain | undefined>(
      (one, step) => (one as PlainMap | undefined)?.[step],
      holder.value,
    );
    return value === undefined
      ? { problem: new LiveAwsProblem("missing", `${reference?.logicalId} names no ${logicalId} any more`) }
      : { value: String(value).split("/").at(-1) as string };
  };

  const readHolder = async (reference: Reference | undefined): Promise<Reading<PlainMap>> => {
    const { type, properties } = template.resources[reference?.logicalId ?? ""] ?? {};
    if (type === "AWS::S3::Bucket") {
      const facet = reference?.path[0] as BucketFacet;
      const reading = await read((signal) => liveAws.readBucket(String(properties?.BucketName), facet, { signal }));
      return "problem" in reading ? reading : { value: toPlain({ [facet]: reading.value }) as PlainMap };
    }
    const holder = expected.find(({ logicalId }) => logicalId === reference?.logicalId);
    return holder === undefined
      ? { problem: new LiveAwsProblem("unsupported", "nothing in the template that verify reads names it") }
      : await findOnce(holder);
  };

  const findOnce: FindResource = async (resource) => {
    const before = known.get(resource.logicalId) ?? find(resource);
    known.set(resource.logicalId, before);
    return await before;
  };
  return findOnce;
}

/** The one that is meant. When it is not there and some could not be read, it may be one of these. */
function pickOne(
  readings: readonly Reading<PlainMap>[],
  isIt: (live: PlainMap) => boolean,
  label: string,
): Reading<PlainMap> {
  const found = readings.find((one) => "value" in one && isIt(one.value));
  const unread = readings.find((one) => "problem" in one && one.problem.kind !== "missing");
  return found ?? unread ?? { problem: new LiveAwsProblem("missing", `${label} does not exist`) };
}

/** A place in the template where another resource's identifier or ARN stands. */
interface Reference {
  readonly logicalId: string;
  readonly path: readonly string[];
}

/** The first place that holds nothing but a reference to the resource; policies and open JSON are not looked into. */
function findReference({ resources }: Template, target: string): Reference | undefined {
  for (const [logicalId, { properties }] of Object.entries(resources)) {
    const path = findPath(properties, target);
    if (path !== undefined) return { logicalId, path };
  }
  return undefined;
}

function findPath(value: Value, target: string): readonly string[] | undefined {
  if (typeof value !== "object" || value instanceof Leaf) return undefined;
  const { Ref, "Fn::GetAtt": attribute } = value as { Ref?: Value; "Fn::GetAtt"?: readonly Value[] };
  if (Ref === target || attribute?.[0] === target) return [];
  for (const [key, inner] of Object.entries(value)) {
    const path = findPath(inner as Value, target);
    if (path !== undefined) return [key, ...path];
  }
  return undefined;
}
