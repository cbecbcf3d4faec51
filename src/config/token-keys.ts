import { z } from "zod";
import { readListed } from "./listed-values.ts";

/** Keys at once: the one that signs, and the one before it, or the one that will sign next. */
const KEYS_MAX = 2;
/** Bounds of a key, in bytes: below, it could be guessed; above, it adds nothing. */
const KEY_BYTES = { min: 32, max: 256 };

const KEY = z.string("must be a text").transform((text, context): Uint8Array => {
  const bytes = Buffer.from(text, /[-_]/.test(text) ? "base64url" : "base64");
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
  if (isBase64 && bytes.length >= KEY_BYTES.min && bytes.length <= KEY_BYTES.max) return bytes;
  context.addIssue(
    `must be ${KEY_BYTES.min} to ${KEY_BYTES.max} bytes in base64, such as openssl rand -base64 32 prints`,
  );
  return z.NEVER;
});

/**
 * Keys that sign tokens: a JSON list of one or two, or the path of a JSON or YAML file with one. The first signs, and all of them
 * verify. The error quotes nothing of them.
 */
export function tokenKeys() {
  return keyList(KEY, (one, other) => Buffer.compare(one, other) === 0);
}

/** A JSON list of one or two secret keys that differ, or the path of a JSON or YAML file with one. The error quotes nothing of them. */
export function keyList<K>(key: z.ZodType<K>, isSame: (one: K, other: K) => boolean) {
  return z.string().transform((text, context): K[] => {
    try {
      const { data, error } = z
        .array(key)
        .min(1)
        .max(KEYS_MAX)
        .safeParse(readListed(text, { isSecret: true }));
      for (const { path, message } of error?.issues ?? []) {
        const [at] = path;
        const wrong =
          at === undefined ? `must be a list of 1 to ${KEYS_MAX} keys` : `has a key ${Number(at) + 1} that ${message}`;
        context.addIssue(wrong);
      }
      const [first, second] = data ?? [];
      if (first !== undefined && second !== undefined && isSame(first, second))
        context.addIssue("has one key twice; a key that is replaced stays in the list as the second");
      return data ?? [];
    } catch (error) {
      context.addIssue((error as Error).message);
      return z.NEVER;
    }
  });
}
