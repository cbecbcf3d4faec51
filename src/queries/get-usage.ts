import { MEMBER_MAX_CHARACTERS } from "../domain/access/grants.ts";
import { invalidArgument } from "../domain/errors.ts";
import type { NamespaceRepository, NamespaceUsage } from "../domain/namespaces/namespace-repository.ts";

/** The namespace whose usage is wanted. */
export interface GetUsageRequest {
  namespace: string;
  /** A principal whose use is wanted as well; empty for none. */
  principal: string;
}

/** What a namespace keeps and uses, and what one principal uses of it. `invalid_argument / ARGUMENT_INVALID`. */
export async function getUsage(
  namespaces: Pick<NamespaceRepository, "usage">,
  { namespace, principal }: GetUsageRequest,
): Promise<NamespaceUsage> {
  if (principal.length > MEMBER_MAX_CHARACTERS || principal.includes("\0")) {
    const message = `principal has ${principal.length} characters or a NUL; name one with ${MEMBER_MAX_CHARACTERS} characters at most, as grants do`;
    throw invalidArgument("principal", message);
  }
  return await namespaces.usage(namespace, { principal: principal === "" ? undefined : principal });
}
