import { createHash } from "node:crypto";
import { DomainError } from "../domain/errors.ts";
import type { FileCursor, FileOrder } from "../domain/files/file-order.ts";

/** Longest token that is read: a path of 1,024 bytes, escaped in JSON and in base64, fits. */
const TOKEN_MAX_BYTES = 16_384;
const BINDING_BYTES = 12;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * A page token: opaque to callers, and bound by a hash to the parameters of its listing, so that one used with other
 * parameters is noticed instead of skipping files. Not a secret and not signed: it says where to go on in a listing
 * that its holder may read anyway.
 */
export function toPageToken(cursor: FileCursor, listing: readonly unknown[]): string {
  const fields = "path" in cursor ? [cursor.path, cursor.generation] : [cursor.value, cursor.fileId];
  return encode(listing, fields);
}

/** Reads a page token; `invalid_argument / PAGE_TOKEN_INVALID` when it is not one or belongs to another listing. */
export function fromPageToken(token: string, listing: readonly unknown[], order: FileOrder): FileCursor {
  const [binding, first, second] = decode(token);
  const cursor = toCursor(first, second);
  if (cursor === undefined || "path" in cursor !== (order.field === "path")) throw refuse("it is not one of ours");
  assertBound(binding, listing);
  return cursor;
}

/** Forged ones may hold anything, and what they hold becomes values of a statement. */
function toCursor(first: unknown, second: unknown): FileCursor | undefined {
  if (typeof first === "string" && first.isWellFormed() && !first.includes("\u0000") && Number.isSafeInteger(second))
    return { path: first, generation: second as number };
  if (Number.isSafeInteger(first) && typeof second === "string" && UUID.test(second))
    return { value: first as number, fileId: second };
  return undefined;
}

/** The token of a page that begins after a link; bound to its listing in the same way. */
export function toLinkPageToken(linkId: string, listing: readonly unknown[]): string {
  return encode(listing, [linkId]);
}

/** Reads the token of a page of links; errors as of `fromPageToken`. */
export function fromLinkPageToken(token: string, listing: readonly unknown[]): string {
  const [binding, linkId] = decode(token);
  if (typeof linkId !== "string" || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(linkId))
    throw refuse("it is not one of ours");
  assertBound(binding, listing);
  return linkId;
}

/** The token of a page that begins after the namespace of that name; bound to its listing in the same way. */
export function toNamePageToken(name: string, listing: readonly unknown[]): string {
  return encode(listing, [name]);
}

/** Reads the token of a page of namespaces; errors as of `fromPageToken`. */
export function fromNamePageToken(token: string, listing: readonly unknown[]): string {
  const [binding, name] = decode(token);
  if (typeof name !== "string" || name === "") throw refuse("it is not one of ours");
  assertBound(binding, listing);
  return name;
}

/** The token of a page that begins after the entry of that number; bound to its listing in the same way. */
export function toNumberPageToken(sequence: number, listing: readonly unknown[]): string {
  return encode(listing, [sequence]);
}

/** Reads the token of a page of entries; errors as of `fromPageToken`. */
export function fromNumberPageToken(token: string, listing: readonly unknown[]): number {
  const [binding, sequence] = decode(token);
  if (!Number.isSafeInteger(sequence) || (sequence as number) < 1) throw refuse("it is not one of ours");
  assertBound(binding, listing);
  return sequence as number;
}

function encode(listing: readonly unknown[], fields: readonly unknown[]): string {
  return Buffer.from(JSON.stringify([bind(listing), ...fields])).toString("base64url");
}

function decode(token: string): unknown[] {
  if (token.length > TOKEN_MAX_BYTES) throw refuse("it is not one of ours");
  try {
    const fields: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    return Array.isArray(fields) ? fields : [];
  } catch {
    throw refuse("it is not one of ours");
  }
}

function assertBound(binding: unknown, listing: readonly unknown[]): void {
  if (binding !== bind(listing)) throw refuse("it belongs to a listing with other parameters");
}

function bind(listing: readonly unknown[]): string {
  const hash = createHash("sha256").update(JSON.stringify(listing)).digest();
  return hash.subarray(0, BINDING_BYTES).toString("base64url");
}

function refuse(why: string): DomainError {
  return new DomainError(
    "invalid_argument",
    `page_token is not valid: ${why}; send next_page_token of the page before with the same other fields, or none`,
    { reason: "PAGE_TOKEN_INVALID", field: "page_token" },
  );
}
