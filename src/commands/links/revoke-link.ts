import type { Caller } from "../../domain/caller.ts";
import { parseUuid } from "../../domain/command-identity.ts";
import { toActor } from "../../domain/deed.ts";
import type { Link } from "../../domain/links/link.ts";
import type { LinkRepository } from "../../domain/links/link-repository.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";

/**
 * Ends a link at once and for good; one that was revoked before stays as it is. Presigned URLs that it gave out live on for
 * up to a minute. Errors: `not_found / LINK_NOT_FOUND`, `invalid_argument / ARGUMENT_INVALID` for an id that is none.
 */
export async function revokeLink(
  deps: { links: Pick<LinkRepository, "revoke">; namespaces: Namespaces },
  request: { namespace: string; linkId: string },
  options: { caller: Caller; signal?: AbortSignal },
): Promise<Link> {
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  return await deps.links.revoke(namespace.name, parseUuid(request.linkId, "link_id"), toActor(options.caller));
}
