import {
  type BucketFacet,
  type LiveAws,
  LiveAwsProblem,
  type LiveAwsProblemKind,
  type ReadOptions,
  type RoleFacet,
} from "../../aws/live/live-facets.ts";
import type { Plain, PlainMap } from "../../aws/live/plain.ts";
import type { LiveSite } from "./live-site.ts";

/** AWS in memory, as far as `LiveAws` reads it. Passes the same contract suite as the adapter. */
export class FakeLiveAws implements LiveAws {
  /** What is deployed; may be replaced at any time. */
  site: LiveSite;
  readonly #problems = new Map<string, LiveAwsProblem>();

  constructor(site: LiveSite = { buckets: {}, roles: {} }) {
    this.site = site;
  }

  /** From now on, reading the facet of that bucket or role fails so. */
  fail(name: string, facet: BucketFacet | RoleFacet, kind: LiveAwsProblemKind, region?: string): void {
    this.#problems.set(`${name} ${facet}`, new LiveAwsProblem(kind, `planted: ${kind}`, { region }));
  }

  async readBucket(bucket: string, facet: BucketFacet, options: ReadOptions): Promise<Plain | undefined> {
    return await this.#read({ kind: "bucket", name: bucket, facet }, this.site.buckets[bucket], options);
  }

  async readRole(role: string, facet: RoleFacet, options: ReadOptions): Promise<Plain | undefined> {
    return await this.#read({ kind: "role", name: role, facet }, this.site.roles[role], options);
  }

  async #read(
    { kind, name, facet }: { kind: string; name: string; facet: BucketFacet | RoleFacet },
    facets: PlainMap | undefined,
    { signal }: ReadOptions,
  ): Promise<Plain | undefined> {
    await Promise.resolve();
    signal.throwIfAborted();
    const problem = this.#problems.get(`${name} ${facet}`);
    if (problem !== undefined) throw problem;
    if (facets === undefined) throw new LiveAwsProblem("missing", `${kind} ${name} does not exist`);
    return facets[facet];
  }
}
