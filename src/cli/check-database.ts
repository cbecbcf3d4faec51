import type { Config } from "../config.ts";
import { DomainError } from "../domain/errors.ts";
import { validateMigrations } from "../postgres/migrate.ts";
import { isNamespaceRecorded } from "../postgres/namespace.ts";
import { createDatabasePool } from "../postgres/pool.ts";
import { type Finding, findErrorCode, problem, well } from "./finding.ts";

/** What can be wrong with the database and its replica: the way there, the account, the schema, the namespace. Changes nothing. */
export async function checkDatabase({ database, namespace }: Config): Promise<Finding[]> {
  const findings = [await checkOne("database", database.url)];
  if (findings[0]?.isOk) findings.push(await checkNamespace(database.url, namespace));
  if (database.readUrl !== undefined) findings.push(await checkOne("read replica", database.readUrl));
  return findings;
}

/** The bucket, region and prefix that files of the namespace have been written to until now. */
async function checkNamespace(url: string, namespace: Config["namespace"]): Promise<Finding> {
  const { name, bucket, region, keyPrefix } = namespace;
  const prefix = keyPrefix === "" ? "" : `, below ${keyPrefix}`;
  const pool = await createDatabasePool("doctor", { url, limits: { connectionsMax: 1 } });
  try {
    const isRecorded = await isNamespaceRecorded(pool, namespace);
    const bound = isRecorded ? "is bound" : "is new: the first start binds it";
    return well("namespace", `"${name}" ${bound} to bucket ${bucket} in ${region}${prefix}`);
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== "failed_precondition") {
      return problem("namespace", `"${name}" cannot be read (${findErrorCode(error)})`, "grant its table to this user");
    }
    const variables = "SLUICE_S3_BUCKET, SLUICE_S3_REGION and SLUICE_S3_KEY_PREFIX";
    return problem("namespace", error.message, `correct ${variables}, or name another in SLUICE_NAMESPACE`);
  } finally {
    await pool.end();
  }
}

async function checkOne(check: string, url: string): Promise<Finding> {
  const { host, pathname, username } = new URL(url);
  const variable = check === "database" ? "SLUICE_DATABASE_URL" : "SLUICE_DATABASE_READ_URL";
  try {
    const { pending } = await validateMigrations({ url });
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
    if (code === "42501")
      return problem(check, `the user "${username}" lacks rights on the tables`, "grant them to this user");
    if (error instanceof DomainError && error.code === "failed_precondition") {
      return problem(check, error.message, "compare the database with the folder migrations/ of this version");
    }
    return problem(
      check,
      `${host} cannot be reached (${code})`,
      `start it, or correct the host and port in ${variable}`,
    );
  }
}
