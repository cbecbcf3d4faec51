import type { Environment } from "./config-environment.ts";
import { findRdsRegion, hasDatabaseTls } from "./database-tls.ts";

type AuthEnvironment = Pick<Partial<Environment>, "SLUICE_DATABASE_AUTH" | "AWS_REGION">;

/** The region that signs the logins at a database; undefined where the URL's password does. */
export function toIamRegion(url: string, env: AuthEnvironment): string | undefined {
  if (env.SLUICE_DATABASE_AUTH !== "rds-iam") return undefined;
  return findRdsRegion(new URL(url)) ?? env.AWS_REGION;
}

/** What keeps tokens of RDS from logging in at the databases of the environment, one sentence each. */
export function findDatabaseAuthProblems(env: Partial<Environment>): string[] {
  if (env.SLUICE_DATABASE_AUTH !== "rds-iam") return [];
  const { SLUICE_DATABASE_URL, SLUICE_DATABASE_DIRECT_URL, SLUICE_DATABASE_READ_URL } = env;
  const urls = { SLUICE_DATABASE_URL, SLUICE_DATABASE_DIRECT_URL, SLUICE_DATABASE_READ_URL };
  return Object.entries(urls).flatMap(([name, text]) => {
    if (text === undefined) return [];
    const url = new URL(text);
    const problems: string[] = [];
    if (url.username === "") problems.push("names no user; write postgres://user@host:port/database");
    if (url.password !== "") problems.push("has a password, which SLUICE_DATABASE_AUTH=rds-iam replaces; remove it");
    if (!hasDatabaseTls(url, env.SLUICE_DATABASE_CA)) {
      problems.push(
        "has no TLS, without which SLUICE_DATABASE_AUTH=rds-iam would show its tokens; write sslmode=verify-full",
      );
    }
    if (toIamRegion(text, env) === undefined) {
      problems.push("is no host of RDS, whose name holds its region; write the name that RDS shows, or set AWS_REGION");
    }
    return problems.map((problem) => `${name} ${problem}`);
  });
}
