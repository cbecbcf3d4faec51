import { sql } from "slonik";
import { z } from "zod";
import type { LeafParts } from "../../domain/log/log-leaves.ts";

const bytes = z.instanceof(Uint8Array).nullable();

/** The columns of `leafPartsColumns`: null where there is no leaf, or no personal part any more. */
export const leafPartsRow = z.object({
  leaf_salt: bytes,
  public_bytes: bytes,
  personal_hash: bytes,
  personal_salt: bytes,
  hashed_bytes: bytes,
});

/** What proves an entry, of its rows `l` of journal_leaf and `p` of journal_personal. */
export const leafPartsColumns = sql.fragment`
  l.salt AS leaf_salt, l.public_bytes, l.personal_hash, p.salt AS personal_salt, p.hashed_bytes`;

/** The row as the domain has it; undefined where there is no leaf. */
export function toLeafParts(row: z.infer<typeof leafPartsRow>): LeafParts | undefined {
  const { leaf_salt: salt, public_bytes: publicBytes, personal_hash: personalHash } = row;
  if (salt === null || publicBytes === null || personalHash === null) return undefined;
  const { personal_salt: personalSalt, hashed_bytes: hashed } = row;
  const personal = personalSalt === null || hashed === null ? undefined : { salt: personalSalt, bytes: hashed };
  return { salt, publicBytes, personalHash, personal };
}
