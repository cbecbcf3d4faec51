import type { Config } from "../config.ts";
import { DomainError } from "../domain/errors.ts";
import { validateMigrations } from "../postgres/migrate.ts";
import { type Finding, findErrorCode, problem, well } from "./finding.ts";

/** What can be wrong with the database and its replica: the way there, the account, the schema. Changes nothing. */
export async function checkDatabase({ database }: Config): Promise<Finding[]> {
  const findings = [await checkOne("database", database.url)];
  if (database.readUrl !== undefined) findings.push(await checkOne("read replica", database.readUrl));
  return findings;
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
