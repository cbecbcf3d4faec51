import type { TokenKind, UploadToken } from "../../domain/caller.ts";
import type { PurposeSigner } from "../purpose-signer.ts";

/** The purpose for which upload tokens are signed. */
export const UPLOAD_TOKEN_PURPOSE = "sluice/upload/v1";

/**
 * Longest upload token, in characters: a principal, a path and the groups of UPLOAD_TOKEN_LIMITS, each at its longest, fit.
 * Nothing of a longer one is hashed.
 */
export const UPLOAD_TOKEN_MAX_CHARACTERS = 12_288;

/** The beginning of every upload token, of any version. */
const BEGINNING = "sluice-upload.";
/** Four parts, where a JWT has three: what was signed, in base64url, and its code. */
const FORM = /^sluice-upload\.v1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;

/** Whether a text says that it is an upload token. */
export function looksLikeUploadToken(token: string): boolean {
  return token.startsWith(BEGINNING);
}

/** What is signed, under short names. It is no secret: whoever holds the token may read it. */
interface Payload {
  id: string;
  ns: string;
  at: string;
  size: number;
  uploads: number;
  new: boolean;
  /** Milliseconds since 1970. */
  exp: number;
  iss: { name: string; groups: readonly string[]; kind: TokenKind };
}

/** The text of a token: all that it says, and the code that proves that this service said it. */
export function formatUploadToken(token: UploadToken, signer: PurposeSigner): string {
  const { issuer } = token;
  const payload: Payload = {
    id: token.tokenId,
    ns: token.namespace,
    at: token.place,
    size: token.sizeMaxBytes,
    uploads: token.uploadsMax,
    new: token.onlyNewFiles,
    exp: token.expireTime.getTime(),
    iss: { name: issuer.principal, groups: issuer.groups, kind: issuer.tokenKind },
  };
  const text = Buffer.from(JSON.stringify(payload)).toString("base64url");
  return `${BEGINNING}v1.${text}.${signer.sign(text)}`;
}

/** What a token says; undefined unless one of the keys has signed exactly this text. Nothing of others is decoded. */
export function parseUploadToken(token: string, signer: PurposeSigner): UploadToken | undefined {
  if (token.length > UPLOAD_TOKEN_MAX_CHARACTERS) return undefined;
  const [, text, code] = FORM.exec(token) ?? [];
  if (text === undefined || code === undefined || !signer.hasSigned(text, code)) return undefined;
  const { iss, ...said } = JSON.parse(Buffer.from(text, "base64url").toString()) as Payload;
  return Object.freeze({
    tokenId: said.id,
    namespace: said.ns,
    place: said.at,
    sizeMaxBytes: said.size,
    uploadsMax: said.uploads,
    onlyNewFiles: said.new,
    expireTime: new Date(said.exp),
    issuer: Object.freeze({ principal: iss.name, groups: Object.freeze(iss.groups), tokenKind: iss.kind }),
  });
}
