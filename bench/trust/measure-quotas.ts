import { randomUUID } from "node:crypto";
import { sql } from "slonik";
import { z } from "zod";
import type { Actor } from "../../src/domain/deed.ts";
import { createNamespaceRepository } from "../../src/postgres/namespace-repository.ts";
import { createDatabasePool } from "../../src/postgres/pool/pool.ts";
import { createUploadRepositories } from "../../src/postgres/uploads/upload-repositories.ts";
import { spreadOf } from "../measure.ts";
import type { FigureRow } from "../sessions/figure-row.ts";

/** Commits that begin at once. */
const COMMITS = 200;
/** Times that so many begin in one measurement: one alone takes a few dozen milliseconds. */
const BATCHES = 5;
/** Quotas that no run comes near. */
const AMPLE = Number.MAX_SAFE_INTEGER;
const QUOTAS = {
  bytesPerDayMax: AMPLE,
  storedBytesMax: AMPLE,
  principalBytesPerDayMax: AMPLE,
  principalStoredBytesMax: AMPLE,
};

const NAMESPACE = {
  bucket: "bench-quotas",
  region: "eu-central-1",
  allowedRegions: ["eu-central-1"],
  fileSizeMaxBytes: 2 ** 30,
  retentionMs: 86_400_000,
  retainDefaultMs: 0,
  downloadUrlLifetimeMaxMs: 900_000,
  partUrlLifetimeMaxMs: 900_000,
  linkLifetimeMaxMs: 900_000,
  audit: "best-effort" as const,
};

const deadlocksRow = z.object({ deadlocks: z.int() });

type Repositories = ReturnType<typeof createUploadRepositories>;

/**
 * Commits files of one principal in a namespace that has every quota of bytes, and in one that has none, by the connections of
 * one worker. The ratio of each round is the rate under quotas over the other.
 */
export async function measureQuotas(
  url: string,
  { rounds, report }: { rounds: number; report: (what: string) => void },
): Promise<FigureRow[]> {
  const pool = await createDatabasePool("bench", { url });
  try {
    const namespaces = createNamespaceRepository(pool);
    const uploads = createUploadRepositories(pool);
    for (const [name, quotas] of [
      ["with-quotas", QUOTAS],
      ["without-quotas", {}],
    ] as const) {
      await namespaces.create({ ...NAMESPACE, name, keyPrefix: `${name}/`, ...quotas }, ACTOR);
    }
    const ratios: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const order = round % 2 === 0 ? ["with-quotas", "without-quotas"] : ["without-quotas", "with-quotas"];
      const seconds = new Map<string, number>();
      for (let batch = 0; batch < BATCHES; batch++) {
        for (const name of order) seconds.set(name, (seconds.get(name) ?? 0) + (await commitAll(uploads, name)));
      }
      // The first pair prepares the statements and does not count.
      if (round > 0) ratios.push((seconds.get("without-quotas") ?? 0) / (seconds.get("with-quotas") ?? 1));
    }
    const deadlocks = await pool.oneFirst(
      sql.type(deadlocksRow)`
        SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`,
    );
    report(`commits under quotas: ${ratios.map((ratio) => ratio.toFixed(2)).join(", ")}; ${deadlocks} deadlocks`);
    const { median, min, max } = spreadOf(ratios) ?? { median: Number.NaN, min: Number.NaN, max: Number.NaN };
    const note = `from ${min.toFixed(2)} to ${max.toFixed(2)}`;
    return [
      {
        name: "200 commits at once under quotas ÷ without, rate",
        unit: "ratio",
        measured: median,
        note,
        must: { atLeast: 0.9 },
      },
      { name: "deadlocks of these", unit: "count", measured: deadlocks, must: { atMost: 0 } },
    ];
  } finally {
    await pool.end();
  }
}

const ACTOR: Actor = { principal: "bench:anna", tokenKind: "oidc" };

/** Seconds that the commits take; their uploads are created before. */
async function commitAll({ catalogue, commits }: Repositories, namespace: string): Promise<number> {
  const created = await Promise.all(
    Array.from({ length: COMMITS }, async () => {
      const uploadId = randomUUID();
      const input = { ...toNewUpload(uploadId, namespace), expireAfterMs: 3_600_000, expireCapMs: 3_600_000 };
      const identity = {
        namespace,
        principal: ACTOR.principal,
        actor: ACTOR,
        method: "CreateUpload",
        requestId: uploadId,
      } as const;
      return (await catalogue.create(input, { ...identity, contentSha256: new Uint8Array(32) })).upload;
    }),
  );
  const begunAt = performance.now();
  await Promise.all(
    created.map(({ uploadId, s3Key }) => {
      const object = { key: s3Key, versionId: "1", etag: "e", sizeBytes: 1024, crc32: 1, sha256: undefined };
      return commits.commit(uploadId, { fileId: randomUUID(), retentionMs: 86_400_000, object });
    }),
  );
  return (performance.now() - begunAt) / 1000;
}

function toNewUpload(uploadId: string, namespace: string) {
  return {
    uploadId,
    namespace,
    path: `quotas/${uploadId}`,
    principal: "bench:anna",
    sizeBytes: 1024,
    partSizeBytes: 8 * 2 ** 20,
    contentType: "application/octet-stream",
    metadata: {},
    labels: {},
    dataSubject: "",
    uploadToken: undefined,
    sizeMaxBytes: undefined,
    expectedCrc32: undefined,
    expectedSha256: undefined,
    computeSha256: false,
    ifGenerationMatch: undefined,
    bucket: NAMESPACE.bucket,
    region: NAMESPACE.region,
    s3Key: `${namespace}/${uploadId}`,
  };
}
