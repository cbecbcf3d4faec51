/** What has become of a link; the first that applies, in the order revoked, expired, used up. */
export type LinkState = "active" | "revoked" | "expired" | "used_up";

/** A right to download one file, held by whoever knows its token, until it ends. The token is not part of it. */
export interface Link {
  /** UUIDv7: newer links have greater ids. */
  linkId: string;
  namespace: string;
  /** Where the file is now. */
  path: string;
  /** The live generation when undefined. */
  generation: number | undefined;
  /** Who created it. */
  principal: string;
  /** Name to save the file under; empty for the last segment of the path. */
  downloadName: string;
  /** Show instead of save. */
  inline: boolean;
  /** For the people who made it; never shown to those who use it. */
  note: string;
  /** 0 for any number. */
  maxUses: number;
  uses: number;
  lastUseTime: Date | undefined;
  createTime: Date;
  expireTime: Date;
  revokeTime: Date | undefined;
  state: LinkState;
}

/** Bounds of links. */
export const LINK_LIMITS = {
  maxUses: 1_000_000,
  noteMaxBytes: 1024,
  /**
   * How many of the last uses of a link are recorded with their visitors; `uses` counts all uses. So many show who has the
   * link, and a flood of uses records no more.
   */
  usesKept: 100,
  /** Longest description of a browser that is recorded; longer ones are cut. */
  userAgentMaxCharacters: 256,
} as const;

/** The state that follows from the rest of a link at a moment. */
export function toLinkState(link: Pick<Link, "revokeTime" | "expireTime" | "maxUses" | "uses">, now: Date): LinkState {
  if (link.revokeTime !== undefined) return "revoked";
  if (link.expireTime.getTime() <= now.getTime()) return "expired";
  return link.maxUses > 0 && link.uses >= link.maxUses ? "used_up" : "active";
}
