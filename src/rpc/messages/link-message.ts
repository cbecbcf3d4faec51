import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { LinkSchema, LinkState, type Link as WireLink } from "../../../gen/sluice/v1/link_pb.ts";
import type { Link, LinkState as State } from "../../domain/links/link.ts";

const STATES = {
  active: LinkState.ACTIVE,
  revoked: LinkState.REVOKED,
  expired: LinkState.EXPIRED,
  used_up: LinkState.USED_UP,
} as const satisfies Record<State, LinkState>;

/** A link as the API shows it. */
export function toLinkMessage(link: Link): WireLink {
  const { namespace, linkId, path, principal, downloadName, inline, note, maxUses } = link;
  return create(LinkSchema, {
    namespace,
    linkId,
    path,
    principal,
    downloadName,
    inline,
    note,
    maxUses,
    ...(link.generation !== undefined && { generation: BigInt(link.generation) }),
    state: STATES[link.state],
    uses: BigInt(link.uses),
    ...(link.lastUseTime !== undefined && { lastUseTime: timestampFromDate(link.lastUseTime) }),
    createTime: timestampFromDate(link.createTime),
    expireTime: timestampFromDate(link.expireTime),
    ...(link.revokeTime !== undefined && { revokeTime: timestampFromDate(link.revokeTime) }),
  });
}
