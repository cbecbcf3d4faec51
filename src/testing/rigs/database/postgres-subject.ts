import type { LinkRepository } from "../../../domain/links/link-repository.ts";
import { createFileRepository } from "../../../postgres/files/file-repository.ts";
import { createLinkRepository } from "../../../postgres/links/link-repository.ts";
import { createDatabasePools, type DatabasePools } from "../../../postgres/pool/pool.ts";
import { createUploadRepositories } from "../../../postgres/uploads/upload-repositories.ts";
import { ensureNamespace } from "./ensure-namespace.ts";
import { createTestDatabase, type TestDatabase } from "./postgres.ts";
import type { RepositorySubject } from "./repository-subject.ts";

/** The repositories of PostgreSQL on a database of their own, with the migrations applied; `close` drops it. */
export async function createPostgresSubject(
  createDatabase: () => Promise<TestDatabase> = createTestDatabase,
): Promise<
  RepositorySubject & { links: LinkRepository; pools: DatabasePools } & Pick<TestDatabase, "url" | "adminUrl">
> {
  const database = await createDatabase();
  const pools = await createDatabasePools({ url: database.url });
  for (const name of ["default", "other"]) {
    await ensureNamespace(pools.commands, { name, bucket: "bucket", keyPrefix: `${name}/` });
  }
  const close = async () => {
    await pools.end();
    await database.drop();
  };
  return {
    uploads: createUploadRepositories(pools.commands),
    files: createFileRepository(pools),
    links: createLinkRepository(pools),
    pools,
    url: database.url,
    adminUrl: database.adminUrl,
    close,
  };
}
