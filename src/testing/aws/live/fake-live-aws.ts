import {
  type BucketFacet,
  type LiveAws,
  LiveAwsProblem,
  type LiveAwsProblemKind,
  type ReadOptions,
  type RoleFacet,
} from "../../../aws/live/comparison/live-facets.ts";
import type { Plain, PlainMap } from "../../../aws/live/comparison/plain.ts";
import type { LiveSite } from "./live-site.ts";

/** AWS in memory, as far as `LiveAws` reads it. Passes the same contract suite as the adapter. */
export class FakeLiveAws implements LiveAws {
  /** What is deployed; may be replaced at any time. */
  site: LiveSite;
  readonly #problems = new Map<string, LiveAwsProblem>();

  constructor(site: LiveSite = { buckets: {}, roles: {}, resources: {} }) {
    this.site = site;
  }

  /**
   * From now on, reading the facet of that bucket or role fails so. For other resources, `facet` is the type, and `name` the
   * identifier, or "list".
   */
  fail(
    name: string,
    facet: string,
    kind: LiveAwsProblemKind,
    options: { region?: string; permissions?: string[] } = {},
  ) {
    this.#problems.set(`${name} ${facet}`, new LiveAwsProblem(kind, `planted: ${kind}`, options));
  }

  async readBucket(bucket: string, facet: BucketFacet, options: ReadOptions): Promise<Plain | undefined> {
    return await this.#read({ kind: "bucket", name: bucket, facet }, this.site.buckets[bucket], options);
  }

  async readRole(role: string, facet: RoleFacet, options: ReadOptions): Promise<Plain | undefined> {
    return await this.#read({ kind: "role", name: role, facet }, this.site.roles[role], options);
  }

  async readResource(type: string, identifier: string, options: ReadOptions): Promise<PlainMap> {
    await this.#meet(`${identifier} ${type}`, options);
    const properties = this.site.resources[type]?.[identifier];
    if (properties === undefined) throw new LiveAwsProblem("missing", `${identifier} does not exist`);
    return properties;
  }

  async listResources(type: string, options: ReadOptions & { within?: PlainMap }): Promise<string[]> {
    await this.#meet(`list ${type}`, options);
    const isWithin = (properties: PlainMap) =>
      Object.entries(options.within ?? {}).every(([name, value]) => properties[name] === value);
    return Object.entries(this.site.resources[type] ?? {}).flatMap(([identifier, properties]) =>
      isWithin(properties) ? [identifier] : [],
    );
  }

  /** Throws the signal's reason, or the problem that was planted. */
  async #meet(what: string, { signal }: ReadOptions): Promise<void> {
    await Promise.resolve();
    signal.throwIfAborted();
    const problem = this.#problems.get(what);
    if (problem !== undefined) throw problem;
  }

  async #read(
    { kind, name, facet }: { kind: string; name: string; facet: BucketFacet | RoleFacet },
    facets: PlainMap | undefined,
    options: ReadOptions,
  ): Promise<Plain | undefined> {
    await this.#meet(`${name} ${facet}`, options);
    if (facets === undefined) throw new LiveAwsProblem("missing", `${kind} ${name} does not exist`);
    return facets[facet];
  }
}
