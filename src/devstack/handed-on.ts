/** Settings that the stack decides by itself: it starts the servers that they name. */
const DECIDED = new Map([
  ["SLUICE_LISTEN", "npm start -- --port <port> names another port"],
  ["SLUICE_DATABASE_URL", "the database is the stack's own"],
  ["SLUICE_S3_BUCKET", "storage is the stack's own"],
  ["SLUICE_S3_REGION", "storage is the stack's own"],
  ["SLUICE_S3_ENDPOINT", "storage is the stack's own"],
  ["SLUICE_AUTH", "callers send the token that the stack prints"],
  ["SLUICE_DEV_TOKEN", "callers send the token that the stack prints"],
]);

/** Settings that `sluice` reads as a caller; the environment of everybody who follows the quick start has them. */
const OF_CALLERS = new Set(["SLUICE_URL", "SLUICE_TOKEN"]);

/**
 * Settings of the service in an environment that are handed on to the service of the stack: every SLUICE_* name, known or not, as the
 * service itself says what is wrong with it. Throws, with a sentence for each, where one is among what the stack decides.
 */
export function toHandedOn(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const given = Object.entries(environment).filter((entry): entry is [string, string] => {
    const [name, value] = entry;
    return name.startsWith("SLUICE_") && value !== undefined && !OF_CALLERS.has(name);
  });
  const decided = given.flatMap(([name]) => {
    const instead = DECIDED.get(name);
    return instead === undefined ? [] : [`${name} is set, which the stack decides; unset it: ${instead}`];
  });
  if (decided.length > 0) throw new Error(`${decided.join("\n")}\n"sluice serve" takes all of them`);
  return Object.fromEntries(given);
}
