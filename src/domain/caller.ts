/** How a caller proved who it is: by the development token, a token of an OpenID Connect issuer, or a signature of AWS. */
export type TokenKind = "dev" | "oidc" | "iam";

/** Who calls, as authentication found out. */
export interface Caller {
  /**
   * Stable name of the caller: "dev:local", "{issuer alias}:{subject}", or "iam:{ARN without session}". Request ids are unique per principal. Two issuers
   * that both name a subject "7" name two principals.
   */
  readonly principal: string;
  /** The groups that the token names, each as "{issuer alias}:{group}", without repetitions. */
  readonly groups: readonly string[];
  readonly tokenKind: TokenKind;
  /** The session of a role of AWS, as whoever assumed it named it: for the record, never for a decision. */
  readonly session?: string;
  /** Address that the call comes from, as trusted proxies say; undefined when the connection tells none. */
  readonly address?: string;
}
