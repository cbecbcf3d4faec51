import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { FileRepository, StoredPlace } from "../../domain/files/file-repository.ts";

const placeRow = z.object({
  namespace: z.string(),
  bucket: z.string(),
  region: z.string(),
  generations: z.int(),
  // As text: the bytes of many files can be more than a number holds exactly.
  size_bytes: z.string(),
});

/** FileRepository.listPlaces */
export async function listPlaces(
  pool: CommonQueryMethods,
  namespaces: readonly string[],
  { limit }: Parameters<FileRepository["listPlaces"]>[1],
): Promise<StoredPlace[]> {
  const rows = await pool.any(sql.type(placeRow)`
    SELECT f.namespace, f.bucket, f.region, count(*) AS generations, sum(f.size_bytes)::text AS size_bytes
    FROM file f
    WHERE f.namespace = ANY(${sql.array([...namespaces], "text")}) AND f.purge_state IS DISTINCT FROM 'purged'
    GROUP BY f.namespace, f.bucket, f.region
    ORDER BY f.namespace, f.bucket COLLATE "C", f.region COLLATE "C"
    LIMIT ${limit}`);
  return rows.map(({ size_bytes: sizeBytes, ...place }) => ({ ...place, sizeBytes: BigInt(sizeBytes) }));
}
