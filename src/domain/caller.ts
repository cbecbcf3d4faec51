/** How a caller proved who it is: by the development token, or by a token of an OpenID Connect issuer. */
export type TokenKind = "dev" | "oidc";

/** Who calls, as authentication found out. */
export interface Caller {
  /**
   * Stable name of the caller: "dev:local", or "{issuer alias}:{subject}". Request ids are unique per principal. Two issuers
   * that both name a subject "7" name two principals.
   */
  readonly principal: string;
  /** The groups that the token names, each as "{issuer alias}:{group}", without repetitions. */
  readonly groups: readonly string[];
  readonly tokenKind: TokenKind;
  /** Address that the call comes from, as trusted proxies say; undefined when the connection tells none. */
  readonly address?: string;
}
