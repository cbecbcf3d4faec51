import { headerOf, type NodeRequest } from "../../rpc/listener/node-messages.ts";
import { RestRefusal } from "./rest-refusal.ts";

/** The properties that a precondition compares. */
export interface Validators {
  /** The entity tag, without quotes. */
  etag: string;
  /** The value of Last-Modified, when the answer has one. */
  lastModified?: Date;
}

/** An If-Match or If-None-Match: any representation, or one of these entity tags. */
export type EtagCondition = "*" | readonly { etag: string; isWeak: boolean }[];

const ENTITY_TAG = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/;

/** Reads a list of entity tags (RFC 9110, 8.8.3). Invalid entries match nothing. Undefined without the header. */
export function parseEtagCondition(
  request: NodeRequest,
  name: "if-match" | "if-none-match" | "if-range",
): EtagCondition | undefined {
  const text = headerOf(request, name)?.trim();
  if (text === undefined) return undefined;
  if (text === "*") return "*";
  return [...text.matchAll(/(?:W\/)?"[^"]*"/g)].flatMap(([tag]) => {
    const [, weak, etag] = ENTITY_TAG.exec(tag) ?? [];
    return etag === undefined ? [] : [{ etag, isWeak: weak !== undefined }];
  });
}

/** Compares strongly, as If-Match and If-Range require (RFC 9110, 13.1.1). */
export function matchesStrongly(condition: EtagCondition, etag: string): boolean {
  return condition === "*" || condition.some((one) => !one.isWeak && one.etag === etag);
}

/**
 * Evaluates the preconditions of a GET or HEAD in the order of RFC 9110, 13.2.2. Returns true for 304. Throws 412
 * ETAG_MISMATCH when If-Match or If-Unmodified-Since fails.
 */
export function isNotModified(request: NodeRequest, validators: Validators): boolean {
  const { etag, lastModified } = validators;
  const ifMatch = parseEtagCondition(request, "if-match");
  const modifiedAt = lastModified && Math.floor(lastModified.getTime() / 1000);
  if (ifMatch !== undefined) {
    if (!matchesStrongly(ifMatch, etag)) throw toEtagMismatch(etag);
  } else if (modifiedAt !== undefined) {
    const limit = toSeconds(headerOf(request, "if-unmodified-since"));
    if (limit !== undefined && modifiedAt > limit) throw toEtagMismatch(etag);
  }
  const ifNoneMatch = parseEtagCondition(request, "if-none-match");
  if (ifNoneMatch !== undefined) return ifNoneMatch === "*" || ifNoneMatch.some((one) => one.etag === etag);
  const limit = toSeconds(headerOf(request, "if-modified-since"));
  return modifiedAt !== undefined && limit !== undefined && modifiedAt <= limit;
}

/** The 412 for a file that has another entity tag. */
export function toEtagMismatch(currentEtag: string | undefined): RestRefusal {
  const now = currentEtag === undefined ? "there is no file" : `its etag is "${currentEtag}" now`;
  return new RestRefusal("ETAG_MISMATCH", `the precondition failed: ${now}; read it again and repeat the change`, {
    ...(currentEtag !== undefined && { details: { current_etag: currentEtag } }),
  });
}

/** A date of HTTP in whole seconds; undefined for any other text, which RFC 9110 has recipients ignore. */
export function toSeconds(date: string | undefined): number | undefined {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000);
}
