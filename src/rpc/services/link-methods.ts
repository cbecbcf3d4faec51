import { create } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  CreateLinkResponseSchema,
  type FileCommandService,
  RevokeLinkResponseSchema,
} from "../../../gen/sluice/v1/file_command_service_pb.ts";
import type { CreateLinkRequest } from "../../commands/links/create-link.ts";
import type { Link } from "../../domain/links/link.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import { fromDuration } from "../messages/duration.ts";
import { fromFileName } from "../messages/file-message.ts";
import { toLinkMessage } from "../messages/link-message.ts";

/** The functions that the methods for links call. */
export interface LinkCommandFunctions {
  createLink(request: CreateLinkRequest, options: CallOptions): Promise<{ link: Link; url: string }>;
  revokeLink(request: { namespace: string; linkId: string }, options: CallOptions): Promise<Link>;
}

/** The methods of FileCommandService about links. */
export function createLinkMethods(
  functions: LinkCommandFunctions,
): Pick<ServiceImpl<typeof FileCommandService>, "createLink" | "revokeLink"> {
  return {
    createLink: async (request, context) => {
      const { requestId, expiration, maxUses, downloadName, inline, note } = request;
      const values = {
        requestId,
        ...fromFileName(request),
        maxUses,
        downloadName,
        inline,
        note,
        lifetimeMs: expiration.case === "lifetime" ? fromDuration(expiration.value, "lifetime") : undefined,
        expireTime: expiration.case === "expireTime" ? timestampDate(expiration.value) : undefined,
      };
      const { link, url } = await functions.createLink(values, toCallOptions(context));
      return create(CreateLinkResponseSchema, { link: toLinkMessage(link), url });
    },
    revokeLink: async ({ namespace, linkId }, context) => {
      const link = await functions.revokeLink({ namespace, linkId }, toCallOptions(context));
      return create(RevokeLinkResponseSchema, { link: toLinkMessage(link) });
    },
  };
}
