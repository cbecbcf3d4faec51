import type { Namespace } from "./namespaces/namespace.ts";

/** How long an exported object is kept, in milliseconds: long enough for people, and short beside the erasure of a person. */
export const EXPORT_KEPT_MS = 7 * 86_400_000;

const FORM = /^exports\/[a-z]+\/(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)-[0-9a-f-]{36}\./;

/**
 * The key of an object that the service exports, which says until when it is kept: so it can be removed by its key alone, and no row
 * has to know it. No file has such a key: keys of files go on with two hexadecimal digits behind the prefix.
 */
export function toExportKey(
  { keyPrefix }: Pick<Namespace, "keyPrefix">,
  { kind, id, extension, expireTime }: { kind: "audit"; id: string; extension: string; expireTime: Date },
): string {
  const until = expireTime.toISOString().replace(/\.\d+Z$/, "Z");
  return `${keyPrefix}exports/${kind}/${until.replaceAll(":", "-")}-${id}.${extension}`;
}

/** Until when the object of a key is kept; undefined for a key that is not one of an export below the prefix. */
export function parseExportKey({ keyPrefix }: Pick<Namespace, "keyPrefix">, key: string): Date | undefined {
  const [, until] = (key.startsWith(keyPrefix) && FORM.exec(key.slice(keyPrefix.length))) || [];
  if (until === undefined) return undefined;
  const [date = "", time = ""] = until.split("T");
  return new Date(`${date}T${time.replaceAll("-", ":")}`);
}
