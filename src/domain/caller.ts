/**
 * How a caller proved who it is: by the development token, by a token of an OpenID Connect issuer, by a signature of AWS, or by an
 * upload token, which another caller made.
 */
export type TokenKind = "dev" | "oidc" | "iam" | "upload";

/** Who calls, as authentication found out. */
export interface Caller {
  /**
   * Stable name of the caller: "dev:local", "{issuer alias}:{subject}", or "iam:{ARN without session}". Request ids are unique per
   * principal. Two issuers that both name a subject "7" name two principals. Whoever holds an upload token has the name of its issuer.
   */
  readonly principal: string;
  /** The groups that the token names, each as "{issuer alias}:{group}", without repetitions. An upload token gives none. */
  readonly groups: readonly string[];
  readonly tokenKind: TokenKind;
  /** The session of a role of AWS, as whoever assumed it named it: for the record, never for a decision. */
  readonly session?: string;
  /** Address that the call comes from, as trusted proxies say; undefined when the connection tells none. */
  readonly address?: string;
  /** The trace that the call is a part of, 32 hexadecimal digits; for the record. */
  readonly traceId?: string;
  /** The call's span, 16 hexadecimal digits, where it is recorded: what the call causes later is linked to it. */
  readonly spanId?: string;
  /** What the caller may do and nothing else; present exactly where `tokenKind` is "upload". */
  readonly uploadToken?: UploadToken;
}

/** The right that an upload token gives: to upload to one place, and nothing that its issuer may not do at that moment. */
export interface UploadToken {
  /** UUIDv7. */
  readonly tokenId: string;
  readonly namespace: string;
  /** A beginning of paths, which ends in "/"; the whole namespace, when empty; or else the path of one file. */
  readonly place: string;
  /** Largest size of each file, in bytes. */
  readonly sizeMaxBytes: number;
  /** Most uploads that may be created. */
  readonly uploadsMax: number;
  /** Whether its files may only be new: a file that is at the path already stays, and the upload is refused. */
  readonly onlyNewFiles: boolean;
  /** No upload is created from then on; one that was created before goes on. */
  readonly expireTime: Date;
  /** Who made the token, as they were then, with the groups that gave them the right. */
  readonly issuer: Caller;
}

/** The name under which a caller's request ids are unique: each upload token has ids of its own, apart from its issuer's. */
export function toRequester({ principal, uploadToken }: Caller): string {
  return uploadToken === undefined ? principal : `upload-token:${uploadToken.tokenId}`;
}
