import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type CreateLinkResponse, FileCommandService } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import type { Link } from "../../../gen/sluice/v1/link_pb.ts";
import { allPages, type Call, type CallOptions, present } from "./call.ts";

/** The properties of a link. */
export interface LinkOptions {
  generation?: bigint;
  lifetimeMs?: number;
  expireTime?: Date;
  /** Most uses of the link; 0 for any number. */
  maxUses?: number;
  downloadName?: string;
  inline?: boolean;
  note?: string;
}

/** The methods for links; they reject as all unary calls do. */
export interface LinkCalls {
  /**
   * Creates a link. Its `url` is shown now and never again. `lifetimeMs` is in whole seconds, at least 1,000. The link lasts
   * a day when neither `lifetimeMs` nor `expireTime` is set.
   */
  createLink(path: string, options?: CallOptions & LinkOptions): Promise<CreateLinkResponse & { link: Link }>;
  revokeLink(linkId: string, options?: CallOptions): Promise<Link>;
  /** All links, or those to one path, the newest first, page by page. Only links that work, unless `showEnded`. */
  allLinks(options?: CallOptions & { path?: string; showEnded?: boolean }): AsyncGenerator<Link, void, undefined>;
}

/** The methods for links, over the calls of a client. */
export function createLinkCalls(call: Call): LinkCalls {
  return {
    async createLink(path, { signal, namespace = "default", lifetimeMs, expireTime, ...rest } = {}) {
      const seconds = lifetimeMs === undefined ? undefined : BigInt(Math.floor(lifetimeMs / 1000));
      const lifetime = seconds !== undefined && { expiration: { case: "lifetime" as const, value: { seconds } } };
      const end = expireTime && { expiration: { case: "expireTime" as const, value: timestampFromDate(expireTime) } };
      const request = { requestId: crypto.randomUUID(), namespace, path, ...rest, ...(end ?? (lifetime || {})) };
      const answer = await call(FileCommandService.method.createLink, request, { signal });
      return { ...answer, link: present(answer.link, "link") };
    },
    async revokeLink(linkId, { signal, namespace = "default" } = {}) {
      const answer = await call(FileCommandService.method.revokeLink, { namespace, linkId }, { signal });
      return present(answer.link, "link");
    },
    allLinks: ({ signal, namespace = "default", ...rest } = {}) =>
      allPages(
        (pageToken) => {
          const request = { namespace, ...rest, pageSize: 1000, pageToken };
          return call(FileQueryService.method.listLinks, request, { signal });
        },
        ({ links }) => links,
      ),
  };
}
