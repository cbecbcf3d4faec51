import type { TestDatabase } from "./postgres.ts";
import { executeOn } from "./postgres-form.ts";

/**
 * Runs `act` with the URL of a role of the service on a database that does not tell which cluster it is, as managed ones may not: the owner
 * of the function that asks for it has no right to. `name` is for this test alone. The role is gone once the promise settles.
 */
export async function withUntoldRole(
  { adminUrl }: Pick<TestDatabase, "adminUrl">,
  name: string,
  act: (url: string, role: string) => Promise<void>,
): Promise<void> {
  const role = `${name}_${process.pid}`;
  await executeOn(
    adminUrl,
    `CREATE ROLE ${role} LOGIN PASSWORD 'test'; SELECT grant_to_service('${role}');
     ALTER FUNCTION journal_here OWNER TO ${role}; REVOKE EXECUTE ON FUNCTION pg_control_system FROM PUBLIC`,
  );
  const url = new URL(adminUrl);
  url.username = role;
  try {
    await act(url.href, role);
  } finally {
    await executeOn(adminUrl, `REASSIGN OWNED BY ${role} TO CURRENT_USER; DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
}
