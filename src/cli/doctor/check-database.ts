import type { Config } from "../../config/config.ts";
import { DomainError } from "../../domain/errors.ts";
import { assertSameBinding } from "../../domain/namespaces/refusals.ts";
import { findNamespace } from "../../postgres/namespace-repository.ts";
import { createDatabasePool } from "../../postgres/pool/pool.ts";
import { findServerLacks } from "../../postgres/pool/server-lacks.ts";
import { validateMigrations } from "../../postgres/schema/migrate.ts";
import { listFailedUploads } from "../../postgres/uploads/failed-uploads.ts";
import { type Finding, findErrorCode, problem, warning, well } from "./finding.ts";

type Reached = Pick<Config["database"], "url" | "tls" | "iamRegion">;
type Pool = Awaited<ReturnType<typeof createDatabasePool>>;

/** Checks the database and its replica: connection, account, schema, the namespace and its uploads. Changes nothing. */
export async function checkDatabase({ database, namespace }: Config): Promise<Finding[]> {
  const { replica } = database;
  const findings = [await checkOne("database", database)];
  if (findings[0]?.isOk) findings.push(...(await checkRows(database, namespace)));
  if (replica !== undefined) findings.push(await checkOne("read replica", replica));
  return findings;
}

/** Checks what the server lacks, and the rows of the namespace. */
async function checkRows(reached: Reached, namespace: Config["namespace"]): Promise<Finding[]> {
  const pool = await createDatabasePool("doctor", { ...reached, limits: { connectionsMax: 1 } });
  try {
    const lacks = await findServerLacks(pool);
    return [
      ...lacks.map(({ message, mend }) => warning("database", message, mend)),
      await checkNamespace(pool, namespace),
      await checkUploads(pool, namespace.name),
    ];
  } finally {
    await pool.end();
  }
}

/** A code of the network, such as ECONNREFUSED; those of TLS have more words. */
const NETWORK_CODE = /^E[A-Z]+$/;
/** Most failed uploads that are named; the message says when there are more. */
const FAILED_TOLD_MAX = 10;

/** Checks for uploads that only their callers can end. */
async function checkUploads(pool: Pool, namespace: string): Promise<Finding> {
  const mend = "call CompleteUpload to try again, or AbortUpload to give the bytes up; they are kept until then";
  try {
    const failed = await listFailedUploads(pool, { namespace, limit: FAILED_TOLD_MAX + 1 });
    if (failed.length === 0) return well("uploads", "none has a commit that failed");
    const told = failed.slice(0, FAILED_TOLD_MAX).map(({ uploadId, path, message }) => {
      return `${uploadId} of ${JSON.stringify(path)}: ${message}`;
    });
    const more = failed.length > FAILED_TOLD_MAX ? "; and more" : "";
    return problem("uploads", `these cannot be committed: ${told.join("; ")}${more}`, mend);
  } catch (error) {
    return problem("uploads", `they cannot be read (${findErrorCode(error)})`, "grant their table to this user");
  }
}

/** Checks the bucket, region and prefix that files of the namespace have been written to until now. */
async function checkNamespace(pool: Pool, namespace: Config["namespace"]): Promise<Finding> {
  const { name, bucket, region, keyPrefix } = namespace;
  const prefix = keyPrefix === "" ? "" : `, below ${keyPrefix}`;
  try {
    const record = await findNamespace(pool, name);
    if (record !== undefined) assertSameBinding(record, namespace);
    const bound = record !== undefined ? "is bound" : "is new: the first start binds it";
    return well("namespace", `"${name}" ${bound} to bucket ${bucket} in ${region}${prefix}`);
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== "failed_precondition") {
      return problem("namespace", `"${name}" cannot be read (${findErrorCode(error)})`, "grant its table to this user");
    }
    const variables = "SLUICE_S3_BUCKET, SLUICE_S3_REGION and SLUICE_S3_KEY_PREFIX";
    return problem("namespace", error.message, `correct ${variables}, or name another in SLUICE_NAMESPACE`);
  }
}

async function checkOne(check: string, { url, tls, iamRegion }: Reached): Promise<Finding> {
  const { host, pathname, username } = new URL(url);
  const variable = check === "database" ? "SLUICE_DATABASE_URL" : "SLUICE_DATABASE_READ_URL";
  try {
    const { pending } = await validateMigrations({ url, tls, iamRegion });
    if (pending.length === 0) return well(check, `${host} answers, and its schema is up to date`);
    return problem(check, `the schema lacks ${pending.join(", ")}`, "run: sluice migrate");
  } catch (error) {
    const code = findErrorCode(error);
    if (code === "28P01" || code === "28000") {
      return problem(
        check,
        `${host} refuses the user "${username}" or the password (${code})`,
        `correct them in ${variable}`,
      );
    }
    if (code === "3D000") {
      return problem(
        check,
        `${host} has no database "${pathname.slice(1)}"`,
        `create it, or name another in ${variable}`,
      );
    }
    if (code === "08P01" && error instanceof DomainError) return problem(check, error.message, `correct ${variable}`);
    if (code === "42501")
      return problem(check, `the user "${username}" lacks rights on the tables`, "grant them to this user");
    if (error instanceof DomainError && error.code === "failed_precondition") {
      return problem(check, error.message, "compare the database with the folder migrations/ of this version");
    }
    if (tls !== undefined && error instanceof DomainError && !NETWORK_CODE.test(code)) {
      return problem(check, `${error.message} (${code})`, "docs/operating.md says how TLS to the database is set up");
    }
    return problem(
      check,
      `${host} cannot be reached (${code})`,
      `start it, or correct the host and port in ${variable}`,
    );
  }
}
