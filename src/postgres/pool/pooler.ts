import type { Interceptor } from "slonik";

/** What a URL says about the way to a database. */
export interface DatabaseWay {
  /** The URL without the parameter `pooler`, which the drivers do not know. */
  url: string;
  /**
   * Whether a pooler gives each transaction another session, as PgBouncer does with pool_mode=transaction. A session then keeps nothing
   * from one transaction to the next: no named statement, no setting, no lock.
   */
  isPooled: boolean;
}

/** Reads `pooler=transaction` of a database's URL. */
export function toDatabaseWay(url: string): DatabaseWay {
  const parsed = new URL(url);
  if (!parsed.searchParams.has("pooler")) return { url, isPooled: false };
  parsed.searchParams.delete("pooler");
  return { url: parsed.href, isPooled: true };
}

/** Sends statements without their names: another session does not know them. */
export const forgetStatementNames: Interceptor = {
  name: "forget-statement-names",
  transformQuery: (_context, { sql, values }) => ({ sql, values }),
};
